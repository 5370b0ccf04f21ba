import { useI18n } from 'vue-i18n'
import type { RecordRow } from '@/api/types'
import { useFormat } from '@/ui/use'
import { silenceOf } from '@/ui/value/watch'

/** How long a customer has not ordered, in words; nothing for one who never did. */
export function useSilence(): (customer: RecordRow) => string {
  const { t } = useI18n()
  const fmt = useFormat()
  return customer => {
    const days = silenceOf(customer)
    if (days === null) return ''
    return days ? t('home.silent', { n: fmt.number(days) }, days) : t('home.silent-not')
  }
}
