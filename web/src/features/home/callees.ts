import { get, query } from '@/api/client'
import type { Filter, Page, RecordRow } from '@/api/types'
import type { useMetadata } from '@/stores/metadata'
import type { useSession } from '@/stores/session'
import { allOf } from '@/ui/grid/types'

/** Whom to call at a customer that has no number of its own: the first to call, else any contact with a number. */
export interface Callee {
  name: string
  phone: string
}
type Meta = ReturnType<typeof useMetadata>
type Session = ReturnType<typeof useSession>

const MOST = 200
const readable = (meta: Meta, entity: string, field: string): boolean =>
  !!meta.field(entity, field) && !meta.masked(entity, field)

/** Two questions for all customers at once, and a third where the first to call belongs elsewhere. */
export async function calleesOf(meta: Meta, session: Session, customers: string[]): Promise<Map<string, Callee>> {
  const found = new Map<string, Callee>()
  const link = ['customer_id', 'phone'].every(f => readable(meta, 'contact', f)) && session.may('contact', 'read')
  if (!customers.length || !link) return found
  const here: Filter = { field: 'customer_id', op: 'in', value: customers }
  const dialled: Filter = { field: 'phone', op: 'notnull' }
  const { fields, sort } = meta.asked(
    '/contacts',
    ['name', 'customer_id', 'phone', 'is_primary', 'do_not_call'],
    '-is_primary,name',
  )
  const contacts = (filter: Filter): Promise<Page> =>
    get<Page>(
      '/contacts' +
        query({ filter: JSON.stringify(filter), fields: ['id', ...fields].join(','), sort: sort || null, limit: MOST }),
    )
  const [own, firsts] = await Promise.all([
    contacts(allOf([here, dialled])!),
    get<Page>(
      '/affiliations' +
        query({
          filter: JSON.stringify(allOf([here, { field: 'is_primary', op: 'eq', value: true }])),
          fields: 'customer_id,contact_id',
          limit: MOST,
        }),
    ),
  ])
  const ids = [...new Set(firsts.items.map(a => String(a.contact_id)))]
  const met = ids.length ? (await contacts(allOf([{ field: 'id', op: 'in', value: ids }, dialled])!)).items : []
  const take = (customer: unknown, c: RecordRow | undefined): void => {
    if (!c || c.do_not_call || found.has(String(customer))) return
    found.set(String(customer), { name: String(c.name ?? ''), phone: String(c.phone) })
  }
  for (const a of firsts.items)
    take(
      a.customer_id,
      met.find(c => c.id === a.contact_id),
    )
  for (const c of own.items) take(c.customer_id, c)
  return found
}
