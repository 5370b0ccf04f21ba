import { useI18n } from 'vue-i18n'
import { useMetadata } from '@/stores/metadata'
import { useTags } from '@/stores/tags'
import { number } from '@/ui/format'
import { useFormat } from '@/ui/use'

/** A field's value in words, as history, conflicts and facts show it. */
export function useShow(): (entity: string, field: string, value: unknown, titles?: Record<string, string>) => string {
  const meta = useMetadata()
  const fmt = useFormat()
  const tags = useTags()
  void tags.load()
  const { t } = useI18n()
  return (entity, field, value, titles) => {
    if (value === null || value === undefined || value === '') return t('form.empty')
    const f = meta.field(entity, field)
    if (f?.level === 'mask') return String(value)
    switch (f?.type) {
      case 'money':
        return fmt.moneyFull(value, (value as { currency?: string }).currency ?? undefined, true)
      case 'enum':
        return meta.option(entity, field, value)
      case 'tags':
        return (
          tags
            .known(value)
            .map(x => x.name)
            .join(t('bell.and')) || t('form.empty')
        )
      case 'bool':
        return value ? t('form.yes') : t('form.no')
      case 'date':
        return fmt.date(String(value))
      case 'datetime':
        return fmt.dateTime(Number(value))
      case 'int':
        return number(value)
      case 'real':
        return number(value, 0, 4)
      case 'percent':
        return fmt.percent(value, 1)
      case 'link':
        return titles?.[String(value)] ?? t('form.record', { id: String(value) })
      default:
        return typeof value === 'object'
          ? 'amount' in (value as object)
            ? fmt.moneyFull(value, (value as { currency: string }).currency, true)
            : JSON.stringify(value)
          : String(value)
    }
  }
}
