import { get, query } from '@/api/client'
import type { Page, RecordRow } from '@/api/types'
import type { useMetadata } from '@/stores/metadata'

export interface Step {
  text: string
  on: string | null
  late: number
  today: boolean
  /** the task it is; null: a few words typed by hand */
  task: string | null
}

/** Whole days from one day to another. */
export const daysLate = (on: string | null, today: string): number =>
  on && on < today ? Math.round((Date.parse(today) - Date.parse(on)) / 864e5) : 0

/** What comes next with a customer: the open task that is due first, else what somebody typed. */
export function stepOf(row: RecordRow, today: string): Step {
  const task = (row.next_task_id as string | null) ?? null
  const on = (task ? row.next_task_on : row.next_step_on) as string | null
  const text = String((task ? row.next_task : row.next_step) ?? '')
  return { text, on: on ?? null, late: daysLate(on ?? null, today), today: on === today, task }
}

/**
 * The next task of a customer stands in the customer only for who reads all tasks. Whoever reads fewer is told the next
 * of those they may see, asked for with the rows. Without an answer the rows are as they were: a list does without steps.
 */
export async function withSteps(meta: ReturnType<typeof useMetadata>, rows: RecordRow[]): Promise<RecordRow[]> {
  const known = ['customer_id', 'status', 'due_on'].every(f => meta.field('task', f) && !meta.masked('task', f))
  if (!rows.length || meta.field('customer', 'next_task_id') || !known) return rows
  const open = {
    and: [
      { field: 'customer_id', op: 'in', value: rows.map(r => r.id) },
      { field: 'status', op: 'eq', value: 'open' },
    ],
  }
  const asked = meta.asked('/tasks', ['id', 'customer_id', 'title', 'due_on'], 'due_on')
  const page = await get<Page>(
    '/tasks' + query({ filter: JSON.stringify(open), fields: asked.fields.join(','), sort: asked.sort, limit: 500 }),
  ).catch(() => null)
  const next = new Map<string, RecordRow>()
  for (const task of page?.items ?? []) {
    const first = next.get(String(task.customer_id))
    if (!first || (!first.due_on && task.due_on)) next.set(String(task.customer_id), task)
  }
  return rows.map(r => {
    const task = next.get(r.id)
    return task ? { ...r, next_task_id: task.id, next_task: task.title, next_task_on: task.due_on } : r
  })
}
export const stepFields = ['next_step', 'next_step_on', 'next_task_id', 'next_task', 'next_task_on']
