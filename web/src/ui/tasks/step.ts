import type { RecordRow } from '@/api/types'

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
export const stepFields = ['next_step', 'next_step_on', 'next_task_id', 'next_task', 'next_task_on']
