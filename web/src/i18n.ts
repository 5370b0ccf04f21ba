import { createI18n } from 'vue-i18n'
import type { Lang } from './ui/format'

export const i18n = createI18n({
  legacy: false,
  locale: 'zh' as string,
  fallbackLocale: false as unknown as string,
  missingWarn: import.meta.env.DEV,
  fallbackWarn: false,
  messages: {},
  pluralRules: { zh: () => 0 },
})

const loaded = new Set<Lang>()
const loaders: Record<Lang, () => Promise<{ default: Record<string, unknown> }>> = {
  zh: () => import('virtual:locale/zh'),
  en: () => import('virtual:locale/en'),
}

export function browserLanguage(): Lang {
  const kept = read('patron.language')
  if (kept === 'zh' || kept === 'en') return kept
  return navigator.languages.some(l => l.toLowerCase().startsWith('zh')) ? 'zh' : 'en'
}

export async function setLanguage(lang: Lang): Promise<void> {
  if (!loaded.has(lang)) {
    i18n.global.setLocaleMessage(lang, (await loaders[lang]()).default as never)
    loaded.add(lang)
  }
  i18n.global.locale.value = lang
  document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en'
  write('patron.language', lang)
}

export function read(key: string): string | null {
  try {
    return localStorage.getItem(key)
  } catch {
    return null
  }
}
export function write(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    /* private mode: not kept */
  }
}
