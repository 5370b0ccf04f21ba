import type { Field } from '@/api/types'
import type { useMetadata } from '@/stores/metadata'
import { asSeen } from './levels'
import type { GridColumn, Widget } from './types'

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
  tags: 'tags',
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
const figures = new Set<Widget>(['int', 'money', 'ledger', 'percent'])

function genericColumn(f: Field, label: string): GridColumn {
  return {
    id: f.name,
    field: f.name,
    widget: f.level === 'mask' ? 'text' : (widgets[f.type] ?? 'text'),
    label,
    width: f.type === 'text' || f.type === 'link' ? 150 : 110,
    align: ['int', 'real', 'money', 'percent'].includes(f.type) ? 'right' : undefined,
    sort: f.sortable,
    edit: !f.read_only && editableTypes.has(f.type),
    hidden: true,
  }
}

/** A column as a page writes it down: what it does not say comes from the metadata. */
export type ColumnSpec = Partial<GridColumn> & { field: string; width: number }

/**
 * The columns of a list: those that the page chose, as far as the person may see their fields, then every other field,
 * on request.
 */
export function columnsOf(
  meta: ReturnType<typeof useMetadata>,
  entity: string,
  chosen: ColumnSpec[],
  left: string[] = [],
): GridColumn[] {
  const wanted = chosen.flatMap<GridColumn>(spec => {
    const f = meta.field(entity, spec.field)
    if (!f) return []
    const widget = spec.widget ?? widgets[f.type] ?? 'text'
    return [
      {
        id: spec.field,
        widget,
        label: meta.text(f.label),
        sort: f.sortable,
        align: figures.has(widget) ? 'right' : undefined,
        ...spec,
      },
    ]
  })
  const known = asSeen(wanted, entity, meta)
  const taken = new Set([...chosen.map(c => c.field), ...left])
  const others = (meta.entity(entity)?.fields ?? [])
    .filter(f => !taken.has(f.name) && f.type !== 'longtext')
    .map(f => genericColumn(f, meta.text(f.label)))
  return [...asSeen(known, entity, meta), ...others]
}
