import type { Field } from '@/api/types'
import type { useMetadata } from '@/stores/metadata'
import { asSeen } from '@/ui/grid/levels'
import type { GridColumn, Widget } from '@/ui/grid/types'

const widgets: Record<string, Widget> = {
  int: 'int',
  real: 'text',
  percent: 'percent',
  money: 'money',
  date: 'date',
  datetime: 'moment',
  enum: 'enum',
  bool: 'bool',
  link: 'link',
  phone: 'contact',
  email: 'contact',
}
const editableTypes = new Set([
  'text',
  'int',
  'real',
  'percent',
  'money',
  'date',
  'enum',
  'email',
  'phone',
  'url',
  'bool',
  'link',
])

export function genericColumn(f: Field, label: string): GridColumn {
  const widget = f.level === 'mask' ? 'text' : (widgets[f.type] ?? 'text')
  return {
    id: f.name,
    field: f.name,
    widget,
    label,
    width: f.type === 'text' || f.type === 'link' ? 150 : 110,
    align: ['int', 'real', 'money', 'percent'].includes(f.type) ? 'right' : undefined,
    sort: f.sortable,
    edit: !f.read_only && editableTypes.has(f.type),
    hidden: true,
  }
}

/** The customers list: what drives the day first, every other field on request. */
export function customerColumns(
  meta: ReturnType<typeof useMetadata>,
  t: (k: string) => string,
  width: { narrow: boolean; wide: boolean },
): GridColumn[] {
  const has = (n: string): Field | undefined => meta.field('customer', n)
  const list: (GridColumn | null)[] = [
    {
      id: 'name',
      field: 'name',
      widget: 'title',
      needs: ['city'],
      label: t('customers.name'),
      width: width.narrow ? 190 : 236,
      sort: has('name')?.sortable,
      edit: true,
      fixed: true,
      flex: true,
      opens: true,
    },
    has('abc')
      ? { id: 'abc', field: 'abc', widget: 'seal', label: t('customers.grade'), width: 56, sort: has('abc')?.sortable }
      : null,
    has('clv')
      ? {
          id: 'clv',
          field: 'clv',
          widget: 'value',
          needs: ['clv_low', 'clv_high', 'orders_count'],
          label: t('customers.clv'),
          width: width.narrow ? 164 : width.wide ? 212 : 180,
          sort: has('clv')?.sortable,
        }
      : null,
    has('p_alive')
      ? {
          id: 'p_alive',
          field: 'p_alive',
          widget: 'alive',
          label: t('customers.alive'),
          width: width.narrow ? 100 : 106,
          sort: has('p_alive')?.sortable,
        }
      : null,
    has('rfm')
      ? { id: 'rfm', field: 'rfm', widget: 'rfm', label: 'RFM', width: 48, sort: has('rfm')?.sortable, from: 1440 }
      : null,
    has('revenue')
      ? {
          id: 'revenue',
          field: 'revenue',
          widget: 'money',
          label: t('customers.revenue'),
          width: 92,
          align: 'right',
          sort: has('revenue')?.sortable,
          from: 1200,
        }
      : null,
    has('orders_count')
      ? {
          id: 'orders_count',
          field: 'orders_count',
          widget: 'int',
          label: t('customers.orders'),
          width: 64,
          align: 'right',
          sort: has('orders_count')?.sortable,
          from: 1440,
        }
      : null,
    has('last_order_on')
      ? {
          id: 'last_order_on',
          field: 'last_order_on',
          widget: 'relative',
          label: t('customers.last'),
          width: 96,
          align: 'right',
          sort: has('last_order_on')?.sortable,
          from: 960,
        }
      : null,
    has('next_step')
      ? {
          id: 'next_step',
          field: 'next_step',
          widget: 'step',
          needs: ['next_step_on'],
          label: t('customers.next'),
          width: width.narrow ? 130 : 186,
          edit: true,
          flex: true,
        }
      : null,
    has('owner_id')
      ? {
          id: 'owner_id',
          field: 'owner_id',
          widget: 'person',
          label: t('customers.owner'),
          width: width.wide ? 82 : 52,
          sort: has('owner_id')?.sortable,
          edit: true,
          from: 1200,
        }
      : null,
  ]
  const known = asSeen(
    list.filter((c): c is GridColumn => !!c),
    'customer',
    meta,
  )
  const taken = new Set([...known.map(c => c.field), 'clv_low', 'clv_high', 'next_step_on'])
  const others = (meta.entity('customer')?.fields ?? [])
    .filter(f => !taken.has(f.name) && f.type !== 'longtext')
    .map(f => genericColumn(f, meta.text(f.label)))
  return [...known, ...others]
}
