import { nextTick, ref, type Ref } from 'vue'
import type { RecordRow } from '@/api/types'
import { canEdit, type GridColumn } from './types'

export interface CellEdit {
  id: string
  col: string
  /** as it was: a change that arrives meanwhile is a conflict, not overwritten */
  row: RecordRow
}

export interface CellEditor {
  editing: Ref<CellEdit | null>
  draft: Ref<string>
  write: (text: string) => void
  wrong: Ref<string>
  edit: (row: RecordRow | undefined, col: GridColumn | undefined) => void
  /** Stores what stands in the cell; it stays open when that is refused. */
  keep: (col: GridColumn, chosen?: string) => Promise<void>
  key: (e: KeyboardEvent, col: GridColumn) => void
}

const textOf = (v: unknown): string =>
  v === null || v === undefined
    ? ''
    : typeof v === 'object'
      ? String((v as { amount?: string }).amount ?? '')
      : String(v)

/** One cell of a grid edited in place. */
export function useCellEditor(
  box: () => HTMLElement | null,
  save: () => ((col: GridColumn, row: RecordRow, value: unknown) => Promise<boolean>) | undefined,
): CellEditor {
  const editing = ref<CellEdit | null>(null)
  const draft = ref('')
  const wrong = ref('')
  let saving = false

  function edit(row: RecordRow | undefined, col: GridColumn | undefined): void {
    if (!row || !col || !canEdit(col, row) || !save()) return
    editing.value = { id: row.id, col: col.id, row: { ...row } }
    wrong.value = ''
    draft.value = textOf(row[col.field])
    void nextTick(() => {
      const el = box()?.querySelector<HTMLInputElement>('[data-edit]')
      el?.focus()
      el?.select?.()
    })
  }
  function write(text: string): void {
    draft.value = text
  }
  function leave(): void {
    editing.value = null
    wrong.value = ''
    void nextTick(() => box()?.focus({ preventScroll: true }))
  }
  async function keep(col: GridColumn, chosen = draft.value): Promise<void> {
    const now = editing.value
    if (saving || now?.col !== col.id) return
    draft.value = chosen
    if (chosen === textOf(now.row[col.field])) return leave()
    saving = true
    try {
      if (await save()!(col, now.row, chosen === '' ? null : chosen)) leave()
    } catch (e) {
      wrong.value = e instanceof Error ? e.message : String(e)
    } finally {
      saving = false
    }
  }
  function key(e: KeyboardEvent, col: GridColumn): void {
    if (e.isComposing || e.keyCode === 229) return
    if (e.key === 'Enter') {
      e.preventDefault()
      void keep(col)
    }
    if (e.key === 'Escape') {
      e.preventDefault()
      e.stopPropagation()
      leave()
    }
  }
  return { editing, draft, write, wrong, edit, keep, key }
}
