import { offered, useExport, type ExportFormat } from '@/stores/exports'
import { useSession } from '@/stores/session'
import { useToast } from '@/stores/toast'
import { useProblemText } from '@/ui/use'
import type { Act } from './palette'
import { useSignOut } from './signOut'

/** What each act does, and whether there is anything to do it with. */
export function useActs(): { can: (act: Act) => boolean; run: (act: Act) => Promise<void> } {
  const session = useSession()
  const toast = useToast()
  const say = useProblemText()
  const take = useExport()
  const leave = useSignOut()
  const file = (format: ExportFormat) => async (): Promise<void> => {
    if (offered.value) await take(offered.value, format)
  }
  const table: Record<Act, () => Promise<void>> = {
    xlsx: file('xlsx'),
    csv: file('csv'),
    light: () => session.change({ theme: 'light' }),
    dark: () => session.change({ theme: 'dark' }),
    system: () => session.change({ theme: 'system' }),
    zh: () => session.change({ language: 'zh' }),
    en: () => session.change({ language: 'en' }),
    'sign-out': leave,
  }
  return {
    can: act => (act === 'xlsx' || act === 'csv' ? !!offered.value : true),
    run: act => table[act]().catch(e => toast.warn(say(e))),
  }
}
