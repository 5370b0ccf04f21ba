import type { Filter, RecordRow } from '@/api/types'
import type { useMetadata } from '@/stores/metadata'

/** Which customers ask for somebody today, and in which order: shown on the home page, and as views of the list. */
export interface Watch {
  id: 'asleep' | 'fell' | 'risk'
  filter: Filter
  sort: string
  /** fields of the filter and the order; without them there is no such list */
  needs: string[]
}
/** At most one silence in ten was as long and still ended in an order. */
const UNUSUAL = 0.1
/** A fall of P(alive) in thirty days that is worth a word. */
const FALL = 0.1

const watches: Watch[] = [
  {
    id: 'asleep',
    filter: {
      and: [
        { field: 'silence_share', op: 'lte', value: UNUSUAL },
        { field: 'p_alive', op: 'gte', value: UNUSUAL },
      ],
    },
    sort: '-clv',
    needs: ['silence_share', 'p_alive', 'clv'],
  },
  {
    id: 'fell',
    filter: {
      and: [
        { field: 'clv_change', op: 'lt', value: 0 },
        {
          or: [
            { field: 'p_alive_change', op: 'lte', value: -FALL },
            {
              and: [
                { field: 'abc_before', op: 'eq', value: 'A' },
                { field: 'abc', op: 'in', value: ['B', 'C'] },
              ],
            },
            {
              and: [
                { field: 'abc_before', op: 'eq', value: 'B' },
                { field: 'abc', op: 'eq', value: 'C' },
              ],
            },
          ],
        },
      ],
    },
    sort: 'clv_change',
    needs: ['clv_change', 'p_alive_change', 'abc', 'abc_before'],
  },
  { id: 'risk', filter: { field: 'at_risk', op: 'gt', value: 0 }, sort: '-at_risk', needs: ['at_risk'] },
]

/** Those that this person may ask for. */
export const watchesFor = (meta: ReturnType<typeof useMetadata>): Watch[] =>
  watches.filter(w => w.needs.every(f => meta.field('customer', f) && !meta.masked('customer', f)))

/** Whole days from the last order to the day that the customer was valued on. */
export function silenceOf(row: RecordRow): number | null {
  const from = Date.parse(String(row.last_order_on ?? '')),
    to = Date.parse(String(row.valued_on ?? ''))
  return Number.isFinite(from) && Number.isFinite(to) ? Math.max(0, Math.round((to - from) / 864e5)) : null
}
