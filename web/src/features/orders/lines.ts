import type { Money, RecordRow } from '@/api/types'

/** One line as it is typed: texts, so that what is half written stays as it is. */
export interface Line {
  key: number
  id: string | null
  product_id: string | null
  description: string
  quantity: string
  unit: string
  list_price: string
  discount: string
  price: string
  unit_cost: string
}
export interface Computed {
  price: bigint | null
  amount: bigint | null
  cost: bigint | null
}
export const texts = ['description', 'quantity', 'unit', 'list_price', 'discount', 'price', 'unit_cost'] as const

let made = 0
export const emptyLine = (): Line => ({
  key: ++made,
  id: null,
  product_id: null,
  description: '',
  quantity: '1',
  unit: '',
  list_price: '',
  discount: '',
  price: '',
  unit_cost: '',
})
/** As it is read: what is typed may leave the commas out. */
export const grouped = (text: string): string => text.replace(/^[-−]?\d+/, n => n.replace(/\B(?=(\d{3})+$)/g, ','))
const amountOf = (v: unknown): string => grouped((v as Money | null)?.amount ?? '')
export const lineOf = (r: RecordRow): Line => ({
  key: ++made,
  id: r.id,
  product_id: (r.product_id as string | null) ?? null,
  description: String(r.description ?? ''),
  quantity: grouped(String(r.quantity ?? '')),
  unit: String(r.unit ?? ''),
  list_price: amountOf(r.list_price),
  discount: String(r.discount ?? ''),
  // with a discount the price follows; it is typed only without one
  price: r.discount === null || r.discount === undefined ? amountOf(r.price) : '',
  unit_cost: amountOf(r.unit_cost),
})

/** A decimal in whole units of its last place; null when it is none. The server reads numbers the same way. */
export function scaled(text: string, places: number): bigint | null {
  const m = /^\s*([-−]?)([\d,]*)(?:\.(\d*))?\s*$/.exec(text)
  if (!m || (!m[2] && !m[3])) return null
  const after = (m[3] ?? '').replace(/0+$/, '')
  if (after.length > places) return null
  const v = BigInt((m[2]!.replaceAll(',', '') || '0') + after.padEnd(places, '0'))
  return m[1] ? -v : v
}
/** a × b / divisor, half away from zero. */
export function times(a: bigint, b: bigint, divisor: bigint): bigint {
  const v = a * b
  const half = divisor / 2n
  return (v < 0n ? v - half : v + half) / divisor
}
const PLACES = 4
const ONE = 10_000n
const HUNDRED = 100n * ONE

/** What the server will make of a line: the same rule, so that the totals are right while one types. */
export function compute(line: Line, decimals: number): Computed {
  const none: Computed = { price: null, amount: null, cost: null }
  const list = scaled(line.list_price, decimals)
  const off = line.discount.trim() ? scaled(line.discount, PLACES) : null
  if (line.discount.trim() && (off === null || off < 0n || off > HUNDRED)) return none
  const price =
    off !== null ? (list === null ? null : times(list, HUNDRED - off, HUNDRED)) : (scaled(line.price, decimals) ?? list)
  const quantity = scaled(line.quantity, PLACES)
  if (price === null || quantity === null) return { ...none, price }
  const unit = scaled(line.unit_cost, decimals)
  return {
    price,
    amount: times(price, quantity, ONE),
    cost: unit === null ? null : times(unit, quantity, ONE),
  }
}
export interface Totals {
  amount: bigint
  /** null: the cost of a line is not known */
  cost: bigint | null
}
export function total(lines: Line[], decimals: number): Totals {
  let amount = 0n
  let cost: bigint | null = 0n
  for (const l of lines) {
    const c = compute(l, decimals)
    amount += c.amount ?? 0n
    cost = cost === null || c.cost === null ? null : cost + c.cost
  }
  return { amount, cost }
}
export function minorText(v: bigint, decimals: number): string {
  const s = (v < 0n ? -v : v).toString().padStart(decimals + 1, '0')
  const whole = s.slice(0, s.length - decimals)
  return (v < 0n ? '-' : '') + whole + (decimals ? '.' + s.slice(-decimals) : '')
}
export const currencyDecimals = (currency: string): number =>
  new Intl.NumberFormat('en', { style: 'currency', currency }).resolvedOptions().maximumFractionDigits ?? 2

/** Whether there is anything in it. */
export const isBlank = (l: Line): boolean =>
  !l.id && !l.product_id && !l.description.trim() && !l.list_price && !l.price

/** A line as the API takes it. */
export function bodyOf(l: Line, currency: string, costs = true): Record<string, unknown> {
  const tidy = (s: string): string => s.replaceAll(',', '').replace('−', '-').trim()
  const money = (s: string): Money | null => (s.trim() ? { amount: tidy(s), currency } : null)
  return {
    ...(l.id ? { id: l.id } : {}),
    product_id: l.product_id,
    description: l.description.trim() || null,
    quantity: tidy(l.quantity) || null,
    unit: l.unit.trim() || null,
    list_price: money(l.list_price),
    discount: tidy(l.discount) || null,
    price: l.discount.trim() ? null : money(l.price),
    ...(costs ? { unit_cost: money(l.unit_cost) } : {}),
  }
}
