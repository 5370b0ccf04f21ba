import { computed, ref, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { post, request } from '@/api/client'
import type { RecordRow } from '@/api/types'
import { useToast } from '@/stores/toast'
import type { RecordList } from '@/ui/grid/useRecordList'
import { useFormat, useProblemText } from '@/ui/use'
import { forEachOf, undoEvents } from './save'

/** One thing that is done with many records. */
export type BulkAct =
  | { what: 'owner'; id: string; name: string }
  | { what: 'tags'; add: string[] }
  | { what: 'delete' }
  | { what: 'restore' }

export interface BulkWhere {
  path: () => string
  list: RecordList
  unit: (n: number) => string
  /** what else shows numbers of these records */
  recount: () => void
}

/** Says what was done, and offers to take it back. */
export function useUndoToast(again: () => Promise<void>) {
  const { t } = useI18n()
  const toast = useToast()
  const say = useProblemText()
  return (text: string, events: string[]): void => {
    const run = async (): Promise<void> => {
      try {
        const u = await undoEvents(events)
        if (u.kept) toast.warn(t('undo.kept', { n: u.kept }, u.kept))
        else toast.say(t('undo.done'))
      } catch (e) {
        toast.warn(say(e))
      }
      await again()
    }
    toast.say(text, events.length ? { label: t('do.undo'), undo: true, run } : undefined)
  }
}

/** The ticked rows of a list, and what is done with them: a request each. */
export function useBulk(
  selected: Ref<Set<string>>,
  where: BulkWhere,
  offerUndo: (text: string, events: string[]) => void,
) {
  const { t } = useI18n()
  const fmt = useFormat()
  const toast = useToast()
  const say = useProblemText()
  const working = ref('')
  const { list, unit } = where
  const chosen = computed(() => list.rows.value.filter(r => selected.value.has(r.id)))

  async function one(act: BulkAct, row: RecordRow): Promise<string | null> {
    const path = `${where.path()}/${row.id}`
    if (act.what === 'restore') {
      await post(path + '/restore')
      return null
    }
    const a =
      act.what === 'delete'
        ? await request<undefined>(path, { method: 'DELETE', version: row.version })
        : act.what === 'tags'
          ? await request<RecordRow>(path + '/tags', { method: 'POST', body: { add: act.add } })
          : await request<RecordRow>(path, { method: 'PATCH', body: { owner_id: act.id }, version: row.version })
    if (a.data) list.put(a.data, act.what === 'owner' ? { [act.id]: act.name } : undefined)
    return a.headers.get('X-Event-Id')
  }

  async function bulk(act: BulkAct): Promise<void> {
    const rows = chosen.value
    if (!rows.length || working.value) return
    const events: string[] = []
    let done = 0
    const tell = (): void => {
      working.value = t('bulk.working', { done: fmt.number(done), total: fmt.number(rows.length) })
    }
    tell()
    const failures = await forEachOf(rows, async r => {
      const event = await one(act, r)
      if (event) events.push(event)
      done++
      tell()
    })
    working.value = ''
    if (act.what === 'delete' || act.what === 'restore') {
      list.remove(new Set(rows.map(r => r.id)))
      if (failures.length) await list.reload()
    }
    selected.value = new Set()
    where.recount()
    const n = rows.length - failures.length
    if (failures.length) {
      const counted = { n: failures.length, unit: unit(failures.length), reason: say(failures[0]) }
      toast.warn(t('bulk.failed', counted, failures.length))
    } else {
      const counted = { n, unit: unit(n), name: act.what === 'owner' ? act.name : '' }
      offerUndo(t(`bulk.${act.what}-done`, counted, n), events)
    }
  }
  return { chosen, working, bulk }
}
