import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { get, patch, Problem, request } from '@/api/client'
import type { Session } from '@/api/types'
import { i18n, read, setLanguage, write } from '@/i18n'
import type { Lang } from '@/ui/format'
import { dayOf } from '@/ui/format'

export type Theme = Session['user']['theme']

export const useSession = defineStore('session', () => {
  const session = shallowRef<Session | null>(null)
  const setupNeeded = ref<boolean | null>(null)
  const theme = ref<Theme>((read('patron.theme') as Theme | null) ?? 'system')
  const density = ref<'normal' | 'dense'>('normal')
  const dark = ref(false)
  const dayNow = ref(Date.now())
  let asked = false

  const lang = computed<Lang>(() => (i18n.global.locale.value === 'en' ? 'en' : 'zh'))
  const currency = computed(() => session.value?.company.currency ?? 'CNY')
  const zone = computed(() => session.value?.user.time_zone || session.value?.company.time_zone || 'UTC')
  const today = computed(() => dayOf(dayNow.value, zone.value))

  const system = matchMedia('(prefers-color-scheme: dark)')
  function paint(): void {
    dark.value = theme.value === 'dark' || (theme.value === 'system' && system.matches)
    document.documentElement.classList.toggle('dark', dark.value)
  }
  system.addEventListener('change', paint)
  setInterval(() => {
    dayNow.value = Date.now()
  }, 60_000)
  paint()

  async function accept(s: Session): Promise<void> {
    session.value = s
    setupNeeded.value = false
    theme.value = s.user.theme ?? 'system'
    density.value = s.user.density ?? 'normal'
    write('patron.theme', theme.value)
    paint()
    if (s.user.language === 'zh' || s.user.language === 'en') await setLanguage(s.user.language)
  }

  /** Asks the server once who we are. A failure of the network is thrown, to be shown. */
  async function load(): Promise<void> {
    if (asked) return
    try {
      await accept(await get<Session>('/session', { quiet401: true }))
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 401) throw error
      setupNeeded.value = (await get<{ needed: boolean }>('/setup')).needed
    }
    asked = true
  }

  async function change(settings: Partial<Session['user']>): Promise<void> {
    if (settings.theme) {
      theme.value = settings.theme
      write('patron.theme', settings.theme)
      paint()
    }
    if (settings.density) density.value = settings.density
    if (settings.language) await setLanguage(settings.language)
    if (!session.value) return
    const before = session.value
    session.value = { ...before, user: { ...before.user, ...settings } }
    try {
      await patch<Session>('/session', settings)
    } catch (e) {
      session.value = before
      throw e
    }
  }

  async function signOut(): Promise<void> {
    await request('/session', { method: 'DELETE' }).catch(() => undefined)
    forget()
  }
  function forget(): void {
    session.value = null
    setupNeeded.value = false
  }

  function may(entity: string, what: 'read' | 'write' | 'create' | 'delete'): boolean {
    const right = session.value?.permissions?.[entity]?.[what]
    if (right === undefined) return session.value?.user.is_admin ?? false
    return right === true || (typeof right === 'string' && right !== 'none')
  }

  return {
    session,
    setupNeeded,
    theme,
    density,
    dark,
    lang,
    currency,
    zone,
    today,
    load,
    accept,
    change,
    signOut,
    forget,
    may,
  }
})
