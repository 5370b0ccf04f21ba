import { ref } from 'vue'
import { post } from '@/api/client'
import type { Job } from '@/api/types'
import { useProblemText } from '@/ui/use'
import { useLive } from './live'
import { useToast } from './toast'

/** Asks a job to stop, and says so when it cannot. */
export function useCancel() {
  const live = useLive()
  const toast = useToast()
  const say = useProblemText()
  const stopping = ref(false)
  async function cancel(job: Job | undefined): Promise<void> {
    if (!job || stopping.value) return
    stopping.value = true
    try {
      live.put(await post<Job>(`/jobs/${job.id}/cancel`))
    } catch (e) {
      toast.warn(say(e))
    } finally {
      stopping.value = false
    }
  }
  return { cancel, stopping }
}
