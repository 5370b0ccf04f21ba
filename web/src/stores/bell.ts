import { defineStore } from 'pinia'
import { ref } from 'vue'
import { get, post, query } from '@/api/client'
import { useLive } from './live'

export type BellKind = 'mention' | 'assigned' | 'added' | 'changed' | 'removed' | 'reminder' | 'job'
export interface Ring {
  id: string
  kind: BellKind
  entity: string | null
  record_id: string
  customer_id: string | null
  by_id: string | null
  at: number
  read: boolean
  times: number
  fields: string[]
  job?: { kind: string; title: string; state: string }
}
interface Unread {
  unread: number
  more: boolean
}
export interface Rings {
  items: Ring[]
  titles: Record<string, string>
  next: string | null
}

/** How much is unread; the list itself is asked for when the panel opens. */
export const useBell = defineStore('bell', () => {
  const unread = ref(0)
  const more = ref(false)
  let timer: ReturnType<typeof setTimeout> | undefined

  function take(n: Unread): void {
    unread.value = n.unread
    more.value = n.more
  }
  /** A count that could not be had is had at the next ring; the bell is no place for an error. */
  async function count(): Promise<void> {
    const n = await get<Unread>('/notifications/unread').catch(() => null)
    if (n) take(n)
  }
  const list = (cursor?: string | null): Promise<Rings> => get<Rings>('/notifications' + query({ limit: 20, cursor }))
  const read = async (id: string): Promise<void> => take(await post<Unread>('/notifications/read', { id }))
  const readAll = async (until: string): Promise<void> => take(await post<Unread>('/notifications/read', { until }))

  /** Called once by the frame, whose life it shares. */
  function listen(): void {
    const live = useLive()
    const soon = (): void => {
      clearTimeout(timer)
      timer = setTimeout(count, 200)
    }
    live.on('bell', soon)
    live.on('reset', soon)
  }
  return { unread, more, count, list, read, readAll, listen }
})
