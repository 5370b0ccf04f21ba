import type { ImportRecord } from '@/api/types'

type Kind = ImportRecord['entity']
/** What a row of a file can be, the most wanted first. */
export const kinds: Kind[] = ['order', 'order_line', 'customer', 'contact', 'product']
/** Rows of these belong to a customer, who may be made for them. */
export const ofCustomer = (k: Kind): boolean => ['order', 'order_line', 'contact'].includes(k)
/** Rows of these have amounts in some currency. */
export const withMoney = (k: Kind): boolean => ['order', 'order_line', 'product'].includes(k)
/** Rows of these change what customers are worth. */
export const withValue = (k: Kind): boolean => ['order', 'order_line'].includes(k)
/** Where one finds what was imported. */
export const placeOf: Record<Kind, string> = {
  order: 'customers',
  order_line: 'orders',
  customer: 'customers',
  contact: 'contacts',
  product: 'products',
}
