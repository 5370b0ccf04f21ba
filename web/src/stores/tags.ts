import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { get, post } from '@/api/client'
import type { Page, RecordRow } from '@/api/types'
import { useLive } from './live'

export interface Tag {
  id: string
  name: string
  color: string
}

/** The company's tags: few, read once, and read again when somebody changes one. */
export const useTags = defineStore('tags', () => {
  const list = shallowRef<Tag[]>([])
  const byId = computed(() => new Map(list.value.map(t => [t.id, t])))
  let asked: Promise<void> | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  const asTag = (r: RecordRow): Tag => ({ id: r.id, name: String(r.name), color: String(r.color) })
  async function fetchAll(): Promise<void> {
    const page = await get<Page>('/tags?fields=name,color&sort=name&limit=500')
    list.value = page.items.map(asTag)
  }
  /** Without the list, records show no tags; the next who asks tries again. */
  function load(): Promise<void> {
    asked ??= fetchAll().catch(() => {
      asked = null
    })
    return asked
  }
  /** The tag of this name, made if there is none. */
  async function find(name: string): Promise<Tag> {
    const tag = asTag(await post<RecordRow>('/tags/find', { name }))
    if (!byId.value.has(tag.id)) list.value = [...list.value, tag].sort((a, b) => a.name.localeCompare(b.name))
    return tag
  }
  function listen(): void {
    useLive().on('record', e => {
      if (e.entity !== 'tag') return
      clearTimeout(timer)
      timer = setTimeout(() => void fetchAll().catch(() => undefined), 300)
    })
  }
  const known = (ids: unknown): Tag[] => (Array.isArray(ids) ? ids.flatMap(id => byId.value.get(String(id)) ?? []) : [])
  return { list, byId, load, find, listen, known, fetchAll }
})
