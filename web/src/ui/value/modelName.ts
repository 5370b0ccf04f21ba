import { useI18n } from 'vue-i18n'

/** What a model is called; those of regular buyers have a number and one name in every language. */
export function useModelName(): (model: string) => string {
  const { t, te } = useI18n()
  return model => {
    if (/^m?bg-cnbd-\d+$/.test(model)) return model.toUpperCase().replace('-', '/')
    return te('model.' + model) ? t('model.' + model) : model
  }
}
