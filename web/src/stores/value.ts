import { defineStore } from 'pinia'
import { ref, shallowRef } from 'vue'
import { get, Problem } from '@/api/client'
import type { Overview } from '@/api/types'

/** The overview is asked for once and kept until a new valuation is announced. */
export const useValue = defineStore('value', () => {
  const overview = shallowRef<Overview | null>(null)
  const none = shallowRef<{ customers: number; orders: number; needed: number } | null>(null)
  const error = shallowRef<Problem | null>(null)
  const loading = ref(false)
  let loaded = false

  async function load(again = false): Promise<void> {
    if ((loaded && !again) || loading.value) return
    loading.value = true
    error.value = null
    try {
      overview.value = await get<Overview>('/value/overview')
      none.value = null
      loaded = true
    } catch (e) {
      if (e instanceof Problem && e.code === 'no-value-yet') {
        const p = e.body.params ?? {}
        none.value = {
          customers: Number(p.customers) || 0,
          orders: Number(p.orders) || 0,
          needed: Number(p.needed) || 0,
        }
        overview.value = null
        loaded = true
      } else if (e instanceof Problem) error.value = e
      else throw e
    } finally {
      loading.value = false
    }
  }
  function forget(): void {
    overview.value = null
    none.value = null
    loaded = false
  }
  return { overview, none, error, loading, load, forget }
})
