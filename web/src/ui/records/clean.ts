import type { Field } from '@/api/types'

/** What a person typed, in the form the API takes; text that is no number goes as it is, so that the server says so. */
export function clean(f: Field | undefined, v: unknown, currency: string): unknown {
  if (v === null || v === undefined || (typeof v === 'string' && !v.trim())) return null
  const text = (x: unknown): string => String(x).replaceAll(',', '').replace('−', '-').trim()
  switch (f?.type) {
    case 'money':
      return typeof v === 'object'
        ? { ...v, amount: text((v as { amount: unknown }).amount) }
        : { amount: text(v), currency }
    case 'int':
    case 'real': {
      const n = Number(text(v))
      return Number.isFinite(n) ? n : v
    }
    case 'percent': {
      const s = text(v)
      return s.includes('%') ? Number(s.replace('%', '')) / 100 : Number(s)
    }
    case 'bool':
      return v === true || v === 'true'
    default:
      return typeof v === 'string' ? v.trim() : v
  }
}
