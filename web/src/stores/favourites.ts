import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { get, request } from '@/api/client'

interface Item {
  entity: string
  id: string
}

/** One's own marks on records; nobody else sees them. */
export const useFavourites = defineStore('favourites', () => {
  const items = shallowRef<Item[]>([])
  const titles = ref<Record<string, string>>({})
  const ids = computed(() => new Set(items.value.map(f => f.id)))

  async function load(): Promise<void> {
    const l = await get<{ items: Item[]; titles: Record<string, string> }>('/favourites').catch(() => null)
    if (!l) return
    items.value = l.items
    titles.value = l.titles
  }
  const of = (entity: string): string[] => items.value.filter(f => f.entity === entity).map(f => f.id)
  const has = (id: string): boolean => ids.value.has(id)
  async function set(path: string, on: boolean): Promise<void> {
    await request(path + '/favourite', { method: on ? 'PUT' : 'DELETE' })
    await load()
  }
  return { items, titles, load, of, has, set }
})
