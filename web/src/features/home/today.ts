import { get, query } from '@/api/client'
import type { Count, Filter, Page, RecordRow } from '@/api/types'
import { allOf } from '@/ui/grid/types'
import { addDays, toNumber } from '@/ui/format'
import type { useMetadata } from '@/stores/metadata'
import type { useSession } from '@/stores/session'
import { withSteps } from '@/ui/tasks/step'
import { watchesFor, type Watch } from '@/ui/value/watch'
import { calleesOf, type Callee } from './callees'

/** What the home page shows, and how it is asked for. Everything comes from the lists that others use, with their rights. */
export interface Today {
  tasks: RecordRow[]
  titles: Record<string, string>
  customers: Map<string, RecordRow>
  /** by customer, where it has no number of its own */
  callees: Map<string, Callee>
  /** there are more tasks than are shown */
  more: boolean
  doneToday: number
  tomorrow: number
}
export interface Watched {
  id: Watch['id']
  rows: RecordRow[]
  count: Count | null
  sort: string
}
export type Order = 'value' | 'time'

const MOST = 100,
  SHOWN = 5
const taskFields = 'title,due_on,due_time,priority,status,customer_id,owner_id'.split(',')
const customerFields = (
  'name,abc,abc_before,clv,clv_change,at_risk,p_alive,p_alive_change,usual_days,silence_share,last_order_on,' +
  'valued_on,phone,next_task,next_task_on,next_task_id'
).split(',')

type Meta = ReturnType<typeof useMetadata>
const list = (
  meta: Meta,
  path: string,
  fields: string[],
  sort: string,
  { filter, ...rest }: { filter: Filter | null; limit: number; count?: string; include?: string },
): Promise<Page> => {
  const asked = meta.asked(path, fields, sort)
  return get<Page>(
    path +
      query({
        ...rest,
        fields: ['id', 'version', ...asked.fields].join(','),
        sort: asked.sort || null,
        filter: filter ? JSON.stringify(filter) : null,
      }),
  )
}
const countOf = async (meta: Meta, path: string, filter: Filter | null): Promise<Count | null> =>
  (await list(meta, path, [], '', { filter, limit: 1, count: 'capped' })).count ?? null

export const hasCustomers = async (meta: Meta, filter: Filter | null): Promise<boolean> =>
  (await list(meta, '/customers', [], '', { filter, limit: 1 })).items.length > 0

/** Tasks that are due, with their customers. `whose`: nothing = everybody's. */
export async function loadToday(
  meta: Meta,
  session: ReturnType<typeof useSession>,
  whose: Filter[],
  today: string,
): Promise<Today> {
  const open: Filter = { field: 'status', op: 'eq', value: 'open' }
  const due = allOf([...whose, open, { field: 'due_on', op: 'lte', value: today }])
  const [page, done, tomorrow] = await Promise.all([
    list(meta, '/tasks', taskFields, 'due_on', { filter: due, limit: MOST, include: 'titles' }),
    countOf(
      meta,
      '/tasks',
      allOf([...whose, { field: 'status', op: 'eq', value: 'done' }, { field: 'done_at', op: 'today' }]),
    ),
    countOf(meta, '/tasks', allOf([...whose, open, { field: 'due_on', op: 'eq', value: addDays(today, 1) }])),
  ])
  const ids = [...new Set(page.items.map(r => String(r.customer_id ?? '')).filter(Boolean))]
  const them = ids.length
    ? await list(meta, '/customers', customerFields, '', {
        filter: { field: 'id', op: 'in', value: ids },
        limit: MOST,
      })
    : null
  const masked = meta.masked('customer', 'phone')
  const mute = (them?.items ?? []).filter(r => masked || !r.phone).map(r => r.id)
  return {
    tasks: page.items,
    callees: await calleesOf(meta, session, mute),
    titles: page.titles ?? {},
    customers: new Map((them?.items ?? []).map(r => [r.id, r])),
    more: !!page.next,
    doneToday: done?.value ?? 0,
    tomorrow: tomorrow?.value ?? 0,
  }
}

/** The customers to look after; each stands in the first list that has it, and not at all when it has a task today. */
export async function loadWatched(meta: Meta, whose: Filter[], taken: Set<string>): Promise<Watched[]> {
  const mine = watchesFor(meta)
  const pages = await Promise.all(
    mine.map(w =>
      list(meta, '/customers', customerFields, w.sort, {
        filter: allOf([...whose, w.filter]),
        limit: 4 * SHOWN,
        count: 'capped',
      }),
    ),
  )
  const seen = new Set(taken)
  const lists = pages.map((page, i) => {
    const rows = page.items.filter(r => !seen.has(r.id)).slice(0, SHOWN)
    rows.forEach(r => seen.add(r.id))
    return { id: mine[i]!.id, rows, count: page.count ?? null, sort: mine[i]!.sort }
  })
  return Promise.all(lists.map(async l => ({ ...l, rows: await withSteps(meta, l.rows) })))
}

/** By what stands at risk with the customer, or by the clock; what has no value comes last. */
export function inOrder(today: Today, order: Order): RecordRow[] {
  const risk = (r: RecordRow): number => toNumber(today.customers.get(String(r.customer_id))?.at_risk) ?? -1
  const when = (r: RecordRow): string => String(r.due_on ?? '') + ' ' + String(r.due_time ?? '99')
  const byTime = (a: RecordRow, b: RecordRow): number => (when(a) < when(b) ? -1 : when(a) > when(b) ? 1 : 0)
  return [...today.tasks].sort((a, b) => (order === 'value' ? risk(b) - risk(a) || byTime(a, b) : byTime(a, b)))
}

/** Of each customer once, however many tasks it has. */
export const riskOf = (today: Today): number =>
  [...today.customers.values()].reduce((s, r) => s + (toNumber(r.at_risk) ?? 0), 0)
