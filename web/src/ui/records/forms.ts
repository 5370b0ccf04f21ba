import { momentOf } from '@/ui/format'

/** What the moment of a field is usually told from: the quick choices stand before it. */
const beside: Record<string, (data: Record<string, unknown>, zone: string) => number | null> = {
  // a task without a time is due when the day begins at work
  'task.reminder_at': (d, zone) => {
    const time = /^\d\d:\d\d$/.test(String(d.due_time ?? '')) ? String(d.due_time) : '09:00'
    return d.due_on ? momentOf(`${String(d.due_on)}T${time}`, zone) : null
  },
}
export const near = (entity: string, field: string, data: Record<string, unknown>, zone: string): number | null =>
  beside[`${entity}.${field}`]?.(data, zone) ?? null

/** Which fields of a form come first, where more than one page opens it. */
export const contactForm = [
  'name',
  'customer_id',
  'title',
  'department',
  'phone',
  'email',
  'wechat',
  'decision_role',
  'is_primary',
  'description',
]
