/** Numbers, money and dates as the notes of the house write them. Pure functions; the language is always handed in. */
export type Lang = 'zh' | 'en'

const MINUS = '\u2212'
const symbols: Record<string, string> = {
  CNY: '¥',
  JPY: 'JP¥',
  USD: '$',
  EUR: '€',
  GBP: '£',
  HKD: 'HK$',
  TWD: 'NT$',
  KRW: '₩',
  INR: '₹',
  SGD: 'S$',
  AUD: 'A$',
  CAD: 'C$',
}
const noDecimals = new Set(['JPY', 'KRW', 'VND', 'CLP', 'ISK', 'XAF', 'XOF', 'PYG', 'UGX'])
const formats = new Map<string, Intl.NumberFormat>()

function format(min: number, max: number): Intl.NumberFormat {
  const key = min + '/' + max
  let f = formats.get(key)
  if (!f)
    formats.set(key, (f = new Intl.NumberFormat('en-US', { minimumFractionDigits: min, maximumFractionDigits: max })))
  return f
}

export function toNumber(value: unknown): number | null {
  if (value === null || value === undefined || value === '') return null
  if (typeof value === 'object') return toNumber((value as { amount?: unknown }).amount)
  const n = Number(value)
  return Number.isFinite(n) ? n : null
}

/** `1,284`, with a true minus sign. */
export function number(value: unknown, decimals = 0, most = decimals): string {
  const n = toNumber(value)
  if (n === null) return '–'
  const text = format(decimals, most).format(Math.abs(n))
  return (n < 0 && /[1-9]/.test(text) ? MINUS : '') + text
}

export function signed(value: unknown, decimals = 0): string {
  const n = toNumber(value)
  if (n === null) return '–'
  const text = number(n, decimals)
  return n > 0 && /[1-9]/.test(text) ? '+' + text : text
}

export function percent(share: unknown, decimals = 0): string {
  const n = toNumber(share)
  return n === null ? '–' : number(n * 100, decimals) + '%'
}

export function symbolOf(currency: string): string {
  return symbols[currency] ?? currency + ' '
}

export interface Scale {
  divisor: number
  unit: string
}

/** Chinese counts in 万 and 亿, English in k, M and B. */
export function scaleFor(value: number, lang: Lang): Scale {
  const v = Math.abs(value)
  if (lang === 'zh') {
    if (v >= 99_995_000) return { divisor: 1e8, unit: '亿' }
    if (v >= 10_000) return { divisor: 1e4, unit: '万' }
  } else {
    if (v >= 999_500_000) return { divisor: 1e9, unit: 'B' }
    if (v >= 999_500) return { divisor: 1e6, unit: 'M' }
    if (v >= 1_000) return { divisor: 1e3, unit: 'k' }
  }
  return { divisor: 1, unit: '' }
}

function scaled(value: number, scale: Scale, decimals?: number): string {
  const v = value / scale.divisor
  const a = Math.abs(v)
  if (decimals !== undefined) return number(v, decimals)
  switch (scale.unit) {
    case '万':
      return number(v, a < 999.95 ? 1 : 0)
    case '亿':
      return number(v, 1, a < 10 ? 2 : 1)
    case 'k':
      return number(v, a < 99.95 ? 1 : 0)
    case 'M':
    case 'B':
      return number(v, a < 99.995 ? 2 : 1)
    default:
      return a >= 100 || v === 0 ? number(v) : number(v, 2)
  }
}

const withUnit = (text: string, scale: Scale) => (scale.unit ? `${text} ${scale.unit}` : text)

/** `¥86.2 万`, `¥862 k`, `$41.20`. */
export function money(value: unknown, currency: string, lang: Lang): string {
  const n = toNumber(value)
  if (n === null) return '–'
  const scale = scaleFor(n, lang)
  const text = scaled(Math.abs(n), scale)
  return (n < 0 && /[1-9]/.test(text) ? MINUS : '') + symbolOf(currency) + withUnit(text, scale)
}

/** All digits, for ledgers and inputs: `146,200.00`. */
export function moneyFull(value: unknown, currency: string, symbol = false): string {
  const n = toNumber(value)
  if (n === null) return '–'
  const text = number(Math.abs(n), noDecimals.has(currency) ? 0 : 2)
  return (n < 0 && /[1-9]/.test(text) ? MINUS : '') + (symbol ? symbolOf(currency) : '') + text
}

/** `61.4 – 114.8 万`: both ends in one unit, named once. */
export function range(low: unknown, high: unknown, lang: Lang): string {
  const a = toNumber(low),
    b = toNumber(high)
  if (a === null || b === null) return '–'
  const scale = scaleFor(Math.max(Math.abs(a), Math.abs(b)), lang)
  const decimals = scale.unit ? undefined : Math.max(Math.abs(a), Math.abs(b)) >= 100 ? 0 : 2
  return withUnit(`${scaled(a, scale, decimals)} – ${scaled(b, scale, decimals)}`, scale)
}

/** The interval as it stands beside every modelled number. */
export function interval(low: unknown, high: unknown, lang: Lang, level = 80): string {
  return (lang === 'zh' ? `${level}% 区间 ` : `${level}% interval `) + range(low, high, lang)
}

export function bytes(n: number): string {
  if (n < 1000) return `${n} B`
  if (n < 1e6) return `${number(n / 1e3)} kB`
  if (n < 1e9) return `${number(n / 1e6, 1)} MB`
  return `${number(n / 1e9, 2)} GB`
}

// ---- dates. A date is `2026-11-24`, a time is epoch milliseconds; both are cut in the company's time zone.
const DAY = 86_400_000
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec']

export function dayOf(time: number, zone = 'UTC'): string {
  return new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(
    time,
  )
}

function dayNumber(day: string): number {
  return Math.round(Date.parse(day + 'T00:00:00Z') / DAY)
}

/** `11月20日` / `20 Nov` within the year, else `2025-11-20` / `20 Nov 2025`. */
export function date(day: string | null | undefined, lang: Lang, today: string): string {
  if (!day) return '–'
  const [y, m, d] = day.split('-').map(Number)
  if (!y || !m || !d) return day
  const same = today.slice(0, 4) === day.slice(0, 4)
  if (lang === 'zh') return same ? `${m}月${d}日` : day
  return `${d} ${months[m - 1]}` + (same ? '' : ` ${y}`)
}

/** `16 天前` / `16 days ago`, up to 180 days; after that the date. */
export function relativeDay(day: string | null | undefined, lang: Lang, today: string): string {
  if (!day) return '–'
  const n = dayNumber(today) - dayNumber(day)
  if (!Number.isFinite(n)) return day
  if (n === 0) return lang === 'zh' ? '今天' : 'today'
  if (n === 1) return lang === 'zh' ? '昨天' : 'yesterday'
  if (n === -1) return lang === 'zh' ? '明天' : 'tomorrow'
  if (n > 180 || n < -180) return date(day, lang, today)
  if (n < 0) return lang === 'zh' ? `${-n} 天后` : `in ${-n} days`
  return lang === 'zh' ? `${n} 天前` : `${n} days ago`
}

/** `2026年5月` / `May 2026`. */
export function month(day: string, lang: Lang): string {
  const [y, m] = day.split('-').map(Number)
  if (!y || !m) return day
  return lang === 'zh' ? `${y}年${m}月` : `${months[m - 1]} ${y}`
}

const weekdays = { zh: '日一二三四五六', en: ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'] }

/** The head of a day in a timeline: `今天`, `11月18日 周三`, `Wed 18 Nov`, `2025-08-28`. */
export function dayHead(day: string, lang: Lang, today: string): string {
  const n = dayNumber(today) - dayNumber(day)
  if (n === 0 || n === 1) return relativeDay(day, lang, today)
  if (!(Math.abs(n) <= 180)) return date(day, lang, today)
  const w = new Date(day + 'T00:00:00Z').getUTCDay()
  return lang === 'zh' ? `${date(day, lang, today)} 周${weekdays.zh[w]}` : `${weekdays.en[w]} ${date(day, lang, today)}`
}

export const addDays = (day: string, n: number): string =>
  new Date(Date.parse(day) + n * DAY).toISOString().slice(0, 10)

/** Where a telephone number leads. */
export const telephone = (text: unknown): string => 'tel:' + String(text ?? '').replace(/[^\d+]/g, '')

/** `11月20日星期五` / `Friday, 20 November`. */
export function longDay(day: string, lang: Lang): string {
  const said = new Intl.DateTimeFormat(lang === 'zh' ? 'zh-CN' : 'en-GB', {
    timeZone: 'UTC',
    weekday: 'long',
    month: 'long',
    day: 'numeric',
  }).format(dayNumber(day) * DAY)
  return said.replace('日星期', '日 星期')
}

export function clock(time: number, zone = 'UTC'): string {
  return new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', hour12: false }).format(
    time,
  )
}

/** A moment as `2026-11-24T09:00` on the clocks of a zone, and back. */
export function localOf(time: number, zone = 'UTC'): string {
  return `${dayOf(time, zone)}T${clock(time, zone)}`
}
export function momentOf(local: string, zone = 'UTC'): number {
  const wanted = Date.parse(local + 'Z')
  // the clocks of a zone differ from UTC by what they show at about that moment; once more where they are set just then
  const shift = (at: number): number => Date.parse(localOf(at, zone) + 'Z') - at
  const guess = wanted - shift(wanted)
  return wanted - shift(guess)
}

/** `今天 09:12`, `昨天 17:40`, `11月18日`. */
export function moment(time: number | null | undefined, lang: Lang, zone: string, now = Date.now()): string {
  if (!time) return '–'
  const day = dayOf(time, zone),
    today = dayOf(now, zone)
  const n = dayNumber(today) - dayNumber(day)
  if (n === 0 || n === 1) return `${relativeDay(day, lang, today)} ${clock(time, zone)}`
  return date(day, lang, today)
}

export function dateTime(time: number, lang: Lang, zone: string): string {
  return `${date(dayOf(time, zone), lang, '')} ${clock(time, zone)}`
}

/** `约 8 秒` / `about 8 s`. */
export function duration(seconds: number, lang: Lang): string {
  if (seconds < 0.95) return lang === 'zh' ? '不到 1 秒' : 'under 1 s'
  if (seconds < 90)
    return lang === 'zh' ? `${Math.max(1, Math.round(seconds))} 秒` : `${Math.max(1, Math.round(seconds))} s`
  const minutes = Math.round(seconds / 60)
  return lang === 'zh' ? `${minutes} 分钟` : `${minutes} min`
}

/** A count that the server stopped counting: `1,000+`. */
export function capped(count: { value: number; capped: boolean } | null | undefined): string {
  if (!count) return ''
  return count.capped ? number(count.value - 1) + '+' : number(count.value)
}
