import type { useMetadata } from '@/stores/metadata'
import type { GridColumn } from './types'

/** Columns under the levels of the person's role: what is masked is a text, what may only be read is not edited. */
export function asSeen(columns: GridColumn[], entity: string, meta: ReturnType<typeof useMetadata>): GridColumn[] {
  return columns.map(c => ({
    ...c,
    edit: c.edit && !meta.field(entity, c.field)?.read_only,
    widget: meta.masked(entity, c.field) && c.widget !== 'title' ? 'text' : c.widget,
  }))
}
