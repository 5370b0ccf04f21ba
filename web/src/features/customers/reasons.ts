import { computed, type ComputedRef } from 'vue'
import { useI18n } from 'vue-i18n'
import type { CustomerValue } from '@/api/types'
import { toNumber } from '@/ui/format'
import { useFormat } from '@/ui/use'

export interface Reason {
  code: string
  text: string
  money: number
  moneyText: string
  purchases: string
}

/** The three largest reasons of a value, in money and in purchases. */
export function useReasons(value: () => CustomerValue | null): ComputedRef<Reason[]> {
  const { t, te } = useI18n()
  const fmt = useFormat()
  return computed(() =>
    (value()?.reasons ?? []).slice(0, 3).map(r => {
      const money = toNumber(r.amount) ?? 0
      const same = Math.abs(r.purchases) < 0.05
      return {
        code: r.code,
        text: r.message || (te('reason.' + r.code) ? t('reason.' + r.code) : r.code),
        money,
        moneyText: (money > 0 ? '+' : '') + fmt.money(money, value()?.currency),
        purchases: same ? t('customer.purchases-same') : t('customer.purchases', { n: fmt.signed(r.purchases, 1) }),
      }
    }),
  )
}
