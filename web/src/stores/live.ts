import { defineStore } from 'pinia'
import { computed, onScopeDispose, ref, shallowRef } from 'vue'
import { get } from '@/api/client'
import type { Job } from '@/api/types'

export interface RecordEvent {
  entity: string
  id: string
  version: number
  kind: string
  customer_id?: string
}
type Listeners = {
  record: Set<(e: RecordEvent) => void>
  /** very many of an entity, not told one by one */
  records: Set<(e: { entity: string }) => void>
  value: Set<() => void>
  reset: Set<() => void>
  job: Set<(j: Job) => void>
  bell: Set<() => void>
}

/** What the server says by itself: records, jobs, values. While it is silent, running jobs are asked for instead. */
export const useLive = defineStore('live', () => {
  const jobs = shallowRef<Map<string, Job>>(new Map())
  const reachable = ref(true)
  const streaming = ref(false)
  const listeners: Listeners = {
    record: new Set(),
    records: new Set(),
    value: new Set(),
    reset: new Set(),
    job: new Set(),
    bell: new Set(),
  }
  let source: EventSource | null = null
  let retry = 0
  let timer: ReturnType<typeof setTimeout> | undefined
  const watched = new Set<string>()

  const running = computed(() => [...jobs.value.values()].filter(j => j.state === 'queued' || j.state === 'running'))

  function put(job: Job): void {
    const old = jobs.value.get(job.id)
    // events may overtake answers: a finished job never runs again
    if (old && ['done', 'failed', 'cancelled'].includes(old.state) && ['queued', 'running'].includes(job.state)) return
    const next = new Map(jobs.value)
    next.set(job.id, { ...old, ...job })
    jobs.value = next
    listeners.job.forEach(f => f(job))
  }

  function data<T>(e: Event): T | null {
    try {
      return JSON.parse((e as MessageEvent<string>).data) as T
    } catch {
      return null
    }
  }

  function open(): void {
    if (source) return
    source = new EventSource('/api/v1/events')
    source.onopen = () => {
      streaming.value = true
      reachable.value = true
      retry = 0
    }
    source.addEventListener('record', e => {
      const d = data<RecordEvent>(e)
      if (d) listeners.record.forEach(f => f(d))
    })
    source.addEventListener('records', e => {
      const d = data<{ entity: string }>(e)
      if (d) listeners.records.forEach(f => f(d))
    })
    source.addEventListener('job', e => {
      const d = data<Job>(e)
      if (d) put(d)
    })
    source.addEventListener('bell', () => listeners.bell.forEach(f => f()))
    source.addEventListener('value', () => listeners.value.forEach(f => f()))
    source.addEventListener('reset', () => listeners.reset.forEach(f => f()))
    source.addEventListener('bye', () => reopen())
    source.onerror = () => {
      streaming.value = false
      if (source?.readyState === EventSource.CLOSED) reopen()
    }
  }
  function reopen(): void {
    source?.close()
    source = null
    streaming.value = false
    clearTimeout(timer)
    timer = setTimeout(open, Math.min(30_000, 1000 * 2 ** retry++))
  }
  function close(): void {
    clearTimeout(timer)
    source?.close()
    source = null
    streaming.value = false
    jobs.value = new Map()
  }

  function on<K extends keyof Listeners>(kind: K, f: Listeners[K] extends Set<infer F> ? F : never): void {
    const set = listeners[kind] as Set<unknown>
    set.add(f)
    onScopeDispose(() => set.delete(f))
  }

  /** Resolves when the job is over; by events, and by asking every second when none come. */
  async function follow(id: string): Promise<Job> {
    watched.add(id)
    try {
      for (let wait = 250; ; wait = Math.min(1500, wait * 1.4)) {
        const known = jobs.value.get(id)
        if (known && ['done', 'failed', 'cancelled'].includes(known.state)) return known
        await new Promise(r => setTimeout(r, wait))
        const seen = jobs.value.get(id)
        if (seen && streaming.value && seen !== known) continue
        try {
          put(await get<Job>('/jobs/' + id))
        } catch {
          /* asked again in a moment */
        }
      }
    } finally {
      watched.delete(id)
    }
  }

  const setReachable = (ok: boolean): void => {
    reachable.value = ok
  }
  return { jobs, running, reachable, streaming, open, close, on, put, follow, setReachable }
})
