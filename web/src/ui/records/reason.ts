import { useI18n } from 'vue-i18n'
import { useRecent, type Recent } from '@/stores/recent'
import { useFormat } from '@/ui/use'

/** Why a record is among the recent ones, as a sentence: who did what with it last, and when. */
export function useReason(): (r: Recent) => string {
  const { t } = useI18n()
  const recent = useRecent()
  const fmt = useFormat()
  return r => {
    const { what, name, at } = recent.why(r)
    return t('recent.' + what, { name: name || t('recent.somebody'), on: fmt.moment(at) })
  }
}
