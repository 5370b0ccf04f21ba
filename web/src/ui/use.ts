import { computed, onBeforeUnmount, onMounted, ref, type ComputedRef, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { Problem } from '@/api/client'
import { useSession } from '@/stores/session'
import * as f from './format'

/** The formats, bound to the language, currency and zone of the moment. */
export function useFormat() {
  const s = useSession()
  return {
    number: f.number,
    signed: f.signed,
    percent: f.percent,
    bytes: f.bytes,
    capped: f.capped,
    money: (v: unknown, currency = s.currency) => f.money(v, currency, s.lang),
    moneyFull: (v: unknown, currency = s.currency, symbol = false) => f.moneyFull(v, currency, symbol),
    range: (a: unknown, b: unknown) => f.range(a, b, s.lang),
    interval: (a: unknown, b: unknown, level = 80) => f.interval(a, b, s.lang, level),
    date: (d: string | null | undefined) => f.date(d, s.lang, s.today),
    relative: (d: string | null | undefined) => f.relativeDay(d, s.lang, s.today),
    moment: (t: number | null | undefined) => f.moment(t, s.lang, s.zone),
    dateTime: (t: number) => f.dateTime(t, s.lang, s.zone),
    clock: (t: number) => f.clock(t, s.zone),
    duration: (n: number) => f.duration(n, s.lang),
    day: (t: number) => f.dayOf(t, s.zone),
  }
}

/** What went wrong, in words: the server's own, or ours when it did not answer. */
export function useProblemText(): (error: unknown) => string {
  const { t } = useI18n()
  return error => {
    if (!(error instanceof Problem)) return t('problem.unknown')
    if (error.body.errors?.[0]?.message && error.code === 'validation')
      return error.body.errors.map(e => e.message).join(' ')
    if (error.body.title) return error.body.title
    if (error.code === 'client-offline') return t('problem.offline')
    if (error.code === 'client-timeout') return t('problem.timeout')
    return t('problem.answer', { status: error.status })
  }
}

const widths = new Map<string, Ref<boolean>>()
export function useMedia(query: string): Ref<boolean> {
  let r = widths.get(query)
  if (!r) {
    const m = matchMedia(query)
    const made = ref(m.matches)
    m.addEventListener('change', () => {
      made.value = m.matches
    })
    widths.set(query, (r = made))
  }
  return r
}
export const usePhone = (): Ref<boolean> => useMedia('(max-width: 639px)')
export const useNarrow = (): Ref<boolean> => useMedia('(max-width: 959px)')

/** Dialogs and drawers head themselves with a `header`, which would be one of the page; theirs is part of the dialog. */
export const plainHeader = (): void =>
  document
    .querySelectorAll('.el-dialog__header, .el-drawer__header')
    .forEach(e => e.setAttribute('role', 'presentation'))

/** The width of an element in pixels, so that what is drawn in it keeps the size of its letters. */
export function useWidth(element: () => Element | null, start: number): Ref<number> {
  const width = ref(start)
  const observer = new ResizeObserver(list => {
    width.value = Math.round(list[0]?.contentRect.width || start)
  })
  onMounted(() => {
    const e = element()
    if (e) observer.observe(e)
  })
  onBeforeUnmount(() => observer.disconnect())
  return width
}

/** True after 300 ms of waiting, so that quick answers show no placeholder. */
export function useSlow(waiting: () => boolean): ComputedRef<boolean> {
  const late = ref(false)
  let timer: ReturnType<typeof setInterval>
  let since = 0
  onMounted(() => {
    timer = setInterval(() => {
      if (!waiting()) {
        since = 0
        late.value = false
      } else {
        since ||= Date.now()
        if (Date.now() - since > 250) late.value = true
      }
    }, 100)
  })
  onBeforeUnmount(() => clearInterval(timer))
  return computed(() => late.value && waiting())
}

export function saveFile(name: string, content: Blob): void {
  const url = URL.createObjectURL(content)
  const a = document.createElement('a')
  a.href = url
  a.download = name
  a.click()
  setTimeout(() => URL.revokeObjectURL(url), 10_000)
}

export function toCsv(rows: (string | number | null)[][]): Blob {
  // a leading = + - @ would be run by a spreadsheet; numbers are written as they are
  const cell = (v: string | number | null) => {
    if (v === null) return ''
    if (typeof v === 'number') return String(v)
    const safe = /^[=+\-@\t\r]/.test(v) && !/^-?[\d.,]+$/.test(v) ? "'" + v : v
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  return new Blob(['\ufeff' + rows.map(r => r.map(cell).join(',')).join('\r\n') + '\r\n'], {
    type: 'text/csv;charset=utf-8',
  })
}

const isMac = /Mac|iPhone|iPad/.test(navigator.platform)
export const keyName = (letter: string): string => (isMac ? '⌘' + letter : 'Ctrl ' + letter)

/** True when a key press belongs to a text field or an input method, not to a shortcut. */
export function typing(e: KeyboardEvent): boolean {
  if (e.isComposing || e.keyCode === 229) return true
  const el = e.target as HTMLElement | null
  return (
    !!el &&
    (el.isContentEditable ||
      (/^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName) && !['checkbox', 'radio'].includes((el as HTMLInputElement).type)))
  )
}
