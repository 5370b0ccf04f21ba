import { shallowRef } from 'vue'
import { get, post } from '@/api/client'
import type { Filter, Job } from '@/api/types'
import { i18n } from '@/i18n'
import { useLive } from './live'
import { useSession } from './session'
import { useToast } from './toast'

export interface ExportAsk {
  entity: string
  fields: string[]
  /** of a list, or what the audit is narrowed by */
  filter: Filter | Record<string, string | number> | null
  sort: string
  trash?: boolean
  /** where records are met, of those that are met elsewhere, too */
  at_customer?: string
}
export type ExportFormat = 'xlsx' | 'csv'

/** What the page that is open would hand out as a file, for whoever asks from elsewhere. */
export const offered = shallowRef<ExportAsk | null>(null)

/** Where the file of a finished export can be fetched, as long as it is kept and for whoever asked. */
export function exportLink(job: Job, me: string | undefined): string | null {
  const kept = Number(job.result?.expires_at ?? 0) > Date.now()
  return job.kind === 'export' && job.state === 'done' && kept && job.owner?.id === me
    ? '/api/v1/exports/' + job.id
    : null
}

/** Asks for a file and offers it when it is there, wherever one is by then. */
export function useExport(): (ask: ExportAsk, format: ExportFormat) => Promise<void> {
  const live = useLive()
  const toast = useToast()
  const session = useSession()
  const { t } = i18n.global
  return async (ask, format) => {
    const { job_id } = await post<{ job_id: string }>('/exports', { ...ask, format, language: session.lang })
    toast.say(t('export.asked'))
    get<Job>('/jobs/' + job_id)
      .then(live.put)
      .catch(() => undefined)
    const job = await live.follow(job_id)
    const link = exportLink(job, job.owner?.id)
    if (link)
      toast.say(t('export.ready', { file: String(job.result?.file ?? '') }), {
        label: t('export.download'),
        run: () => {
          const a = document.createElement('a')
          a.href = link
          a.download = ''
          a.click()
        },
      })
    else if (job.state === 'failed') toast.warn(t('export.failed', { reason: job.message ?? '' }))
  }
}
