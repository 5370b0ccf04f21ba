import type { useMetadata } from '@/stores/metadata'
import { columnsOf } from '@/ui/grid/columns'
import { stepFields } from '@/ui/tasks/step'
import type { GridColumn } from '@/ui/grid/types'

/** The customers list: what drives the day first, every other field on request. */
export function customerColumns(
  meta: ReturnType<typeof useMetadata>,
  t: (k: string) => string,
  width: { narrow: boolean; wide: boolean },
): GridColumn[] {
  const { narrow, wide } = width
  return columnsOf(
    meta,
    'customer',
    [
      {
        field: 'name',
        widget: 'title',
        needs: ['city'],
        label: t('customers.name'),
        width: narrow ? 190 : 236,
        edit: true,
        fixed: true,
        flex: true,
        opens: true,
      },
      { field: 'abc', widget: 'seal', label: t('customers.grade'), width: 56 },
      {
        field: 'clv',
        widget: 'value',
        needs: ['clv_low', 'clv_high', 'orders_count'],
        label: t('customers.clv'),
        width: narrow ? 164 : wide ? 212 : 180,
      },
      { field: 'p_alive', widget: 'alive', label: t('customers.alive'), width: narrow ? 100 : 106 },
      { field: 'tags', width: 150, from: 1600, sort: false },
      { field: 'rfm', widget: 'rfm', label: 'RFM', width: 48, from: 1440 },
      { field: 'revenue', label: t('customers.revenue'), width: 92, from: 1200 },
      { field: 'orders_count', label: t('customers.orders'), width: 64, from: 1440 },
      {
        field: 'last_order_on',
        widget: 'relative',
        label: t('customers.last'),
        width: 96,
        align: 'right',
        from: 960,
      },
      {
        field: 'next_step',
        widget: 'step',
        needs: stepFields,
        label: t('customers.next'),
        width: narrow ? 130 : 186,
        sort: false,
        edit: true,
        unless: 'next_task_id',
        flex: true,
      },
      {
        field: 'owner_id',
        widget: 'person',
        label: t('customers.owner'),
        width: wide ? 82 : 52,
        edit: true,
        from: 1200,
      },
    ],
    ['clv_low', 'clv_high', ...stepFields],
  )
}
