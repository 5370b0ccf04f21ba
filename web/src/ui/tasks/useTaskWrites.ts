import { useI18n } from 'vue-i18n'
import { newKey, request } from '@/api/client'
import type { RecordRow } from '@/api/types'
import { useToast } from '@/stores/toast'
import { saveRecord, undoEvents } from '@/ui/records/save'
import { useFormat, useProblemText } from '@/ui/use'

export interface TaskWrites {
  tick: (task: RecordRow) => Promise<void>
  move: (task: RecordRow, on: string) => Promise<void>
  add: (body: Record<string, unknown>) => Promise<boolean>
}

/** Ticking off, putting off and adding, each with its way back; `changed` is called after what was written, and after the undo. */
export function useTaskWrites(changed: () => void): TaskWrites {
  const { t } = useI18n()
  const toast = useToast()
  const say = useProblemText()
  const fmt = useFormat()

  function offer(text: string, event: string | null): void {
    const run = async (): Promise<void> => {
      try {
        await undoEvents([event!])
      } catch (e) {
        toast.warn(say(e))
      }
      changed()
    }
    toast.say(text, event ? { label: t('do.undo'), undo: true, run } : undefined)
  }
  async function tick(task: RecordRow): Promise<void> {
    const done = task.status !== 'done'
    const title = String(task.title ?? '')
    try {
      const saved = await saveRecord('/tasks', 'task', task, { status: done ? 'done' : 'open' }, title)
      if (saved) offer(t(done ? 'tasks.ticked' : 'tasks.opened', { title }), saved.event)
    } catch (e) {
      toast.warn(say(e))
    }
    changed()
  }
  async function move(task: RecordRow, on: string): Promise<void> {
    const title = String(task.title ?? '')
    try {
      const saved = await saveRecord('/tasks', 'task', task, { due_on: on }, title)
      if (saved) offer(t('tasks.moved', { title, when: fmt.date(on) }), saved.event)
    } catch (e) {
      toast.warn(say(e))
    }
    changed()
  }
  async function add(body: Record<string, unknown>): Promise<boolean> {
    try {
      const a = await request<RecordRow>('/tasks', { method: 'POST', body, key: newKey() })
      offer(t('tasks.added', { title: String(a.data.title ?? '') }), a.headers.get('X-Event-Id'))
      changed()
      return true
    } catch (e) {
      toast.warn(say(e))
      return false
    }
  }
  return { tick, move, add }
}

export const taskForm = [
  'title',
  'customer_id',
  'due_on',
  'due_time',
  'reminder_at',
  'priority',
  'owner_id',
  'description',
]
