/** Exchange rates as they are edited: a row each, newest first within a currency. */
export interface Rate {
  from: string | null
  rate: number
}
export type Rates = Record<string, Rate[]>
export interface RateRow {
  key: number
  code: string
  from: string | null
  rate: string
}
export interface Change {
  currency: string
  from: string | null
  to: string | null
  orders: number
}

let made = 0
export const newRow = (code: string, from: string | null, rate = ''): RateRow => ({ key: ++made, code, from, rate })

/** A rate without a beginning is the oldest. */
export const byDay = (a: { from: string | null }, b: { from: string | null }): number =>
  (b.from ?? '').localeCompare(a.from ?? '')
export const rowsOf = (rates: Rates): RateRow[] =>
  Object.entries(rates).flatMap(([code, list]) => [...list].sort(byDay).map(r => newRow(code, r.from, plain(r.rate))))
/** Without an exponent, which six places never need. */
const plain = (n: number): string => (n < 1e-4 ? n.toFixed(6).replace(/0+$/, '') : String(n))

/** What was typed as a number above zero, or null. */
export function readRate(text: string): number | null {
  const s = text.replace(/[,，\s]/g, '')
  const n = /^(\d+\.?\d*|\.\d+)$/.test(s) ? Number(s) : 0
  return n >= 1e-6 && n <= 1e9 ? n : null
}

/** As the server has them: by currency and day; with the rows in that order, so that it can name one of them. */
export function ratesOf(rows: RateRow[]): { rates: Rates; order: Record<string, RateRow[]> } {
  const order: Record<string, RateRow[]> = {}
  for (const code of [...new Set(rows.map(r => r.code))].sort())
    order[code] = rows
      .filter(r => r.code === code)
      .sort(byDay)
      .reverse()
  const rates = Object.fromEntries(
    Object.entries(order).map(([code, list]) => [code, list.map(r => ({ from: r.from, rate: readRate(r.rate) ?? 0 }))]),
  )
  return { rates, order }
}

/** What is wrong with a row: no number, or another one of the same day. */
export function wrongRows(rows: RateRow[]): Map<number, 'number' | 'twice'> {
  const seen = new Set<string>()
  const wrong = new Map<number, 'number' | 'twice'>()
  for (const r of rows) {
    const day = `${r.code} ${r.from ?? ''}`
    if (seen.has(day)) wrong.set(r.key, 'twice')
    else if (readRate(r.rate) === null) wrong.set(r.key, 'number')
    seen.add(day)
  }
  return wrong
}

const pad = (s: string): string => s.padStart(2, '0')
/** 2024-03-01, 2024/3/1, 2024年3月1日; a month alone is its first day. */
export function readDay(text: string): string | null {
  const m = /^(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2})?\s*日?)?$/.exec(text.trim())
  if (!m) return null
  const day = `${m[1]}-${pad(m[2]!)}-${pad(m[3] ?? '1')}`
  const at = new Date(day + 'T00:00:00Z')
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(day) ? day : null
}

export type LineFault = 'parts' | 'currency' | 'base' | 'day' | 'number' | 'twice'
/** A list that was pasted: currency, day and rate in each line, a header or not. */
export function readLines(
  text: string,
  base: string,
  known: (code: string) => boolean,
): { rows: RateRow[]; wrong: { line: number; fault: LineFault }[] } {
  const rows: RateRow[] = []
  const wrong: { line: number; fault: LineFault }[] = []
  const seen = new Set<string>()
  const lines = text.replace(/^\uFEFF/, '').split(/\r\n|\r|\n/)
  const first = lines.findIndex(l => l.trim())
  lines.forEach((l, i) => {
    if (!l.trim() || (i === first && !/\d/.test(l))) return
    const parts = l
      .trim()
      .split(/\t|[;；]|\s*[,，]\s*/)
      .map(p => p.trim().replace(/^"(.*)"$/, '$1'))
    const code = (parts[0] ?? '').toUpperCase()
    const from = parts[1] ? readDay(parts[1]) : null
    const rate = readRate(parts[2] ?? '')
    const fault: LineFault | null =
      parts.length !== 3
        ? 'parts'
        : code === base
          ? 'base'
          : !known(code)
            ? 'currency'
            : parts[1] && !from
              ? 'day'
              : rate === null
                ? 'number'
                : seen.has(code + from)
                  ? 'twice'
                  : null
    if (fault) wrong.push({ line: i + 1, fault })
    else {
      seen.add(code + from)
      rows.push(newRow(code, from, parts[2]!.replace(/\s/g, '')))
    }
  })
  return { rows, wrong }
}

/** Rows of the same currency and day give way to those of the list. */
export const merge = (rows: RateRow[], list: RateRow[]): RateRow[] => [
  ...rows.filter(r => !list.some(n => n.code === r.code && n.from === r.from)),
  ...list,
]

/** What stands in one and not in the other. */
export function unlike(a: Rates, b: Rates): { code: string; from: string | null; rate: number }[] {
  const has = (code: string, r: Rate): boolean => (b[code] ?? []).some(x => x.from === r.from && x.rate === r.rate)
  return Object.entries(a).flatMap(([code, list]) => list.filter(r => !has(code, r)).map(r => ({ code, ...r })))
}
/** A setting of before dates were kept is one rate without a beginning. */
export const dated = (v: Record<string, number | Rate[]>): Rates =>
  Object.fromEntries(
    Object.entries(v).map(([code, r]) => [code, typeof r === 'number' ? [{ from: null, rate: r }] : r]),
  )
