import type { InjectionKey } from 'vue'
import type { Filter, FilterLeaf, RecordRow } from '@/api/types'

export type Widget =
  | 'title'
  | 'seal'
  | 'value'
  | 'alive'
  | 'rfm'
  | 'text'
  | 'int'
  | 'money'
  | 'date'
  | 'relative'
  | 'moment'
  | 'enum'
  | 'bool'
  | 'link'
  | 'person'
  | 'step'
  | 'percent'
  | 'contact'
  | 'ledger'
  | 'tags'

export interface GridColumn {
  id: string
  widget: Widget
  /** the field it shows, sorts by and edits */
  field: string
  /** further fields it reads */
  needs?: string[]
  label: string
  width: number
  align?: 'right'
  sort?: boolean
  edit?: boolean
  /** not edited while this field of the row has a value: the cell shows something else then */
  unless?: string
  /** shown unless the person chooses otherwise, from this page width on */
  from?: number
  hidden?: boolean
  fixed?: boolean
  /** takes the room that is left */
  flex?: boolean
  /** a click opens the record */
  opens?: boolean
}

/** What a row offers for its next step, where the page can do it. */
export const stepActions: InjectionKey<{
  add: (row: RecordRow) => void
  tick: (row: RecordRow) => Promise<void>
}> = Symbol('steps')

export const isLeaf = (f: Filter): f is FilterLeaf => 'field' in f
export const allOf = (list: Filter[]): Filter | null =>
  list.length === 0 ? null : list.length === 1 ? list[0]! : { and: list }

/** Whether a cell can be edited in place. */
export const canEdit = (col: GridColumn, row: RecordRow): boolean => !!col.edit && !(col.unless && row[col.unless])

/** The id of a cell in the page: what has the focus is named by it. */
export const cellId = (entity: string, row: number, col: number): string => `g-${entity}-${row}-${col}`
