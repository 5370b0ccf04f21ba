import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { read, write } from '@/i18n'
import type { IconName } from '@/ui/icons'
import { useSession } from './session'

export interface Recent {
  path: string
  title: string
  icon: IconName
}
const MOST = 8

/** The records that were open last, for each person on this device; forgotten when one signs out. */
export const useRecent = defineStore('recent', () => {
  const session = useSession()
  const key = computed(() => 'patron.recent.' + (session.session?.user.id ?? ''))
  const list = ref<Recent[]>([])

  function load(): void {
    try {
      const kept: unknown = JSON.parse(read(key.value) ?? '[]')
      list.value = Array.isArray(kept) ? (kept as Recent[]).slice(0, MOST) : []
    } catch {
      list.value = []
    }
  }
  function opened(record: Recent): void {
    list.value = [record, ...list.value.filter(r => r.path !== record.path)].slice(0, MOST)
    write(key.value, JSON.stringify(list.value))
  }
  /** What is in the trash now has no page to lead to. */
  function gone(path: string): void {
    list.value = list.value.filter(r => r.path !== path)
    write(key.value, JSON.stringify(list.value))
  }
  function forget(): void {
    write(key.value, '[]')
    list.value = []
  }
  return { list, load, opened, gone, forget }
})
