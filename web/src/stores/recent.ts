import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { get, query } from '@/api/client'
import type { Page } from '@/api/types'
import { read, write } from '@/i18n'
import type { IconName } from '@/ui/icons'
import { useLive } from './live'
import { useMetadata } from './metadata'
import { useSession } from './session'

export interface Recent {
  path: string
  title: string
  icon: IconName
  entity: string
  id: string
  /** when it was opened */
  at: number
}
/** What happened last to a record, as far as one may know. */
interface Change {
  at: number
  by: string | null
  name: string
  created: boolean
}
/** Why a record is among them: a text of `recent`, whose, and when. */
export interface Why {
  what: 'opened' | 'created' | 'changed' | 'changed-by'
  name: string
  at: number
}
const MOST = 8
const FRESH = 20_000
/** What was just written is opened by that; and clocks differ. */
const MOMENT = 60_000

/** The records that were open last, for each person on this device; forgotten when one signs out. */
export const useRecent = defineStore('recent', () => {
  const session = useSession()
  const meta = useMetadata()
  const live = useLive()
  const key = computed(() => 'patron.recent.' + (session.session?.user.id ?? ''))
  const list = ref<Recent[]>([])
  const changes = shallowRef<Map<string, Change>>(new Map())
  let asked = 0

  function keep(records: Recent[]): void {
    list.value = records.slice(0, MOST)
    write(key.value, JSON.stringify(list.value))
  }
  function load(): void {
    changes.value = new Map()
    asked = 0
    try {
      const kept: unknown = JSON.parse(read(key.value) ?? '[]')
      list.value = Array.isArray(kept) ? (kept as Recent[]).filter(r => r.id && r.at).slice(0, MOST) : []
    } catch {
      list.value = []
    }
  }
  function opened(record: Omit<Recent, 'at'>): void {
    asked = 0
    keep([{ ...record, at: Date.now() }, ...list.value.filter(r => r.path !== record.path)])
  }
  /** What is in the trash now has no page to lead to. */
  function gone(path: string): void {
    keep(list.value.filter(r => r.path !== path))
  }
  function forget(): void {
    write(key.value, '[]')
    list.value = []
  }

  /** Who changed them when, from the lists that everybody uses: what one may not see any more is not among them, either. */
  async function look(): Promise<void> {
    if (Date.now() - asked < FRESH) return
    asked = Date.now()
    const found = new Map<string, Change>()
    const away = new Set<string>()
    const of = (entity: string): string[] => list.value.filter(r => r.entity === entity).map(r => r.id)
    await Promise.all(
      [...new Set(list.value.map(r => r.entity))].map(async entity => {
        const en = meta.entity(entity)
        if (!en) return
        const ids = of(entity)
        const page = await get<Page>(
          `/${en.path}` +
            query({
              fields: 'id,created_at,updated_at,updated_by',
              filter: JSON.stringify({ field: 'id', op: 'in', value: ids }),
              include: 'titles',
              limit: MOST,
            }),
        ).catch(() => null)
        if (!page) return
        ids.forEach(id => away.add(id))
        for (const r of page.items) {
          const by = (r.updated_by as string | null) ?? null
          away.delete(r.id)
          found.set(r.id, {
            at: Number(r.updated_at),
            by,
            name: by ? (page.titles?.[by] ?? '') : '',
            created: r.updated_at === r.created_at,
          })
        }
      }),
    )
    changes.value = new Map([...changes.value, ...found])
    if (away.size) keep(list.value.filter(r => !away.has(r.id)))
  }
  live.on('record', e => {
    if (list.value.some(r => r.id === e.id)) asked = 0
  })

  /** The last thing that somebody did with it. What the program wrote by itself has nobody's name, and is no reason. */
  function why(r: Recent): Why {
    const c = changes.value.get(r.id)
    if (!c?.by || c.at < r.at - MOMENT) return { what: 'opened', name: '', at: r.at }
    if (c.by !== session.session?.user.id) return { what: 'changed-by', name: c.name, at: c.at }
    return { what: c.created ? 'created' : 'changed', name: '', at: c.at }
  }
  return { list, load, opened, gone, forget, look, why }
})
