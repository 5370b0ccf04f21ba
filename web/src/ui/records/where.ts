import type { RouteLocationRaw } from 'vue-router'
import type { IconName } from '@/ui/icons'

/** The lists that open a record beside them. */
const lists: Record<string, string> = { contact: 'contacts', product: 'products', task: 'tasks' }

/** What the search and the first page show beside a record. */
export const iconOf: Record<string, IconName> = {
  customer: 'customers',
  order: 'orders',
  contact: 'person',
  product: 'tag',
  task: 'tasks',
}

/** Where a record is looked at; what has no page of its own is looked at with its customer. */
export function placeOf(entity: string | null, id: string, customer?: string | null): RouteLocationRaw | null {
  if (entity === 'customer' || entity === 'order') return { name: entity, params: { id } }
  if (entity && lists[entity]) return { name: lists[entity]!, query: { open: id } }
  if (entity === 'category') return { name: 'products', query: { category_id: id } }
  return customer ? { name: 'customer', params: { id: customer } } : null
}
