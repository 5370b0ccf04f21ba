import { shallowRef, watchEffect } from 'vue'
import { useSession } from '@/stores/session'

const texts: Record<string, () => Promise<{ default: Record<string, string> }>> = {
  zh: () => import('@messages/zh.json'),
  en: () => import('@messages/en.json'),
}

/** The texts of codes of cells, fields and errors, from the file that the server reads too. */
export function useCodes(): (code: string, params?: Record<string, unknown>) => string {
  const session = useSession()
  const table = shallowRef<Record<string, string>>({})
  watchEffect(() => {
    void texts[session.lang]?.().then(m => {
      table.value = m.default
    })
  })
  return (code, params) =>
    (table.value['cell.' + code] ?? table.value[code] ?? code).replace(/\{(\w+)\}/g, (_, k: string) =>
      String(params?.[k] ?? ''),
    )
}
