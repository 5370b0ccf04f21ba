import { get, post } from '@/api/client'
import type { Filter, Job } from '@/api/types'
import { i18n } from '@/i18n'
import { number } from '@/ui/format'
import { useLive } from './live'
import { useToast } from './toast'

/** A change of everything that matches, as the server is asked for it. */
export interface BulkAsk {
  path: string
  filter: Filter | null
  trash: boolean
  change: Record<string, unknown>
  /** as many as the person was shown */
  expected: number
}
export interface BulkReason {
  code: string
  field: string | null
  count: number
  examples: { id: string; title: string }[]
}
export interface BulkResult {
  entity: string
  change: string
  meant: number
  at: number
  changed: number
  unchanged: number
  refused: number
  reasons: BulkReason[]
}

const UNDO_DAYS = 30
export const isBulk = (job: Job): boolean => job.kind === 'bulk' || job.kind === 'bulk-undo'
export const isOver = (job: Job): boolean => ['done', 'failed', 'cancelled'].includes(job.state)
export const bulkResult = (job: Job): BulkResult | null =>
  isBulk(job) && job.result ? (job.result as unknown as BulkResult) : null
/** What it wrote can be taken back, as long as the server keeps what that was. */
export function canUndo(job: Job, now = Date.now()): boolean {
  const kept = (job.finished_at ?? 0) > now - UNDO_DAYS * 864e5
  return job.kind === 'bulk' && isOver(job) && kept && !!bulkResult(job)?.changed
}

/** What became of the records, in a line. */
export function bulkSummary(job: Job): string {
  const { t } = i18n.global
  const r = bulkResult(job)
  if (!r) return job.message ?? ''
  const said = [t(r.change === 'undo' ? 'bulk.all.undone' : 'bulk.all.changed', { n: number(r.changed) }, r.changed)]
  if (r.unchanged) said.push(t('bulk.all.unchanged', { n: number(r.unchanged) }, r.unchanged))
  if (r.refused) said.push(t('bulk.all.refused', { n: number(r.refused) }, r.refused))
  const left = r.meant - r.at
  if (left && isOver(job)) said.push(t('bulk.all.left', { n: number(left) }, left))
  return said.join(t('list.comma'))
}

/** Starts such jobs, and says how they ended wherever one is by then, unless somebody is looking at them. */
export function useBulkJobs() {
  const live = useLive()
  const toast = useToast()
  const { t } = i18n.global

  async function follow(id: string, looking: () => boolean): Promise<Job> {
    get<Job>('/jobs/' + id)
      .then(live.put)
      .catch(() => undefined) // asked again by `follow`
    const job = await live.follow(id)
    if (looking()) return job
    if (job.state === 'failed') toast.warn(t('bulk.all.failed', { reason: job.message ?? '' }))
    else
      toast.say(
        bulkSummary(job),
        canUndo(job)
          ? { label: t('do.undo'), undo: true, run: async () => void (await follow(await undo(job), () => false)) }
          : undefined,
      )
    return job
  }
  async function start({ path, filter, trash, change, expected }: BulkAsk): Promise<string> {
    const body = { filter: filter ?? undefined, trash: trash || undefined, change, expected }
    return (await post<{ job_id: string }>(path + '/bulk', body)).job_id
  }
  const undo = async (job: Job): Promise<string> => (await post<{ job_id: string }>(`/jobs/${job.id}/undo`)).job_id
  return { start, undo, follow }
}
