import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { useI18n } from 'vue-i18n'
import { get, patch, post, Problem, query, request, upload } from '@/api/client'
import type { ImportCheck, ImportColumn, ImportField, ImportRecord, Job } from '@/api/types'
import { crumb } from '@/shell/crumb'
import { useLive } from '@/stores/live'
import { useMetadata } from '@/stores/metadata'
import { useToast } from '@/stores/toast'
import { useProblemText } from '@/ui/use'

type Mapping = Record<string, string | null>
export interface ImportChange {
  /** the file is looked at again: what was guessed and chosen of its columns begins anew */
  read?: { entity?: string; sheet?: number; encoding?: string }
  mapping?: Mapping
  format?: Partial<ImportRecord['format']>
  options?: Partial<ImportRecord['options']>
}

/** The import that is open, and the latest ones beside it. Each step of the wizard reads and changes it here. */
export const useImport = defineStore('import', () => {
  const { t } = useI18n()
  const live = useLive()
  const meta = useMetadata()
  const toast = useToast()
  const say = useProblemText()

  const id = ref<string | null>(null)
  const record = shallowRef<ImportRecord | null>(null)
  const error = shallowRef<unknown>(null)
  const recent = shallowRef<ImportRecord[]>([])
  /** why a mapping, a check or a start was refused */
  const refused = ref('')
  const checking = ref(false)
  const starting = ref(false)
  /** the columns that a person decided on, by index */
  const chosen = ref(new Set<number>())
  /** counts up whenever rows may read otherwise */
  const revision = ref(0)
  /** the last check that came to its end; it stays in sight while the next one runs */
  const known = shallowRef<ImportCheck | null>(null)

  const check = computed(() => record.value?.check ?? null)
  const job = computed(() => (record.value?.job_id ? live.jobs.get(record.value.job_id) : undefined))
  const editable = computed(() => ['uploaded', 'checking', 'checked'].includes(record.value?.state ?? ''))
  const columns = computed(() => record.value?.columns ?? [])
  const taken = computed(() => new Set(columns.value.map(c => c.field).filter((f): f is string => !!f)))
  const missing = computed(() => (record.value?.fields ?? []).filter(f => f.required && !taken.value.has(f.name)))
  const missingText = computed(() => missing.value.map(f => meta.text(f.label)).join(t('list.comma')))
  const update = computed(() => record.value?.options.on_existing === 'update')
  const toWrite = computed(() => (check.value ? check.value.new + (update.value ? check.value.changed : 0) : 0))
  const reports = computed(() => new Map((check.value?.columns ?? []).map(c => [c.index, c])))
  const field = (name: string | null): ImportField | undefined => record.value?.fields.find(f => f.name === name)
  const fieldLabel = (name: string | null): string => meta.text(field(name)?.label) || name || ''

  let turn = 0
  let soon: ReturnType<typeof setTimeout> | undefined
  /** What comes with a column is its guess; here it has the field that it is mapped to. */
  function accept(r: ImportRecord): void {
    const columns = r.columns.map(c => ({ ...c, field: r.mapping[c.index] ?? null }))
    columns.forEach((c, i) => {
      if (c.field !== r.columns[i]!.field) chosen.value.add(c.index)
    })
    record.value = { ...r, columns }
    crumb.value = r.name
    if (r.check) known.value = r.check
    revision.value++
  }
  async function loadRecent(): Promise<void> {
    const list = await get<{ items: ImportRecord[] }>('/imports?limit=8').catch(() => null)
    if (list) recent.value = list.items
  }
  /** Opens an import, or none, and goes on where it stands. */
  async function open(which: string | null): Promise<void> {
    turn++ // a check of the one before has nothing to say any more
    clearTimeout(soon)
    id.value = which
    error.value = null
    refused.value = ''
    checking.value = false
    known.value = null
    chosen.value = new Set()
    record.value = null
    if (which) await load()
  }
  async function load(): Promise<void> {
    error.value = null
    const mine = id.value
    try {
      const r = await get<ImportRecord>('/imports/' + mine)
      if (mine !== id.value) return
      accept(r)
      await resume(r)
    } catch (e) {
      if (mine === id.value) error.value = e
    }
  }
  async function resume(r: ImportRecord): Promise<void> {
    if (r.job_id && !live.jobs.has(r.job_id))
      get<Job>('/jobs/' + r.job_id)
        .then(live.put)
        .catch(() => undefined)
    if (r.state === 'uploaded' && !missing.value.length) await runCheck()
    else if (['checking', 'running', 'undoing'].includes(r.state) && r.job_id) await follow(r.job_id)
  }
  async function reread(): Promise<void> {
    const mine = id.value
    const r = await get<ImportRecord>('/imports/' + mine).catch(() => null) // the next event asks again
    if (r && mine === id.value) accept(r)
  }
  async function follow(jobId: string): Promise<void> {
    const mine = id.value
    await live.follow(jobId)
    if (mine !== id.value) return
    await reread()
    void loadRecent()
  }

  async function runCheck(): Promise<void> {
    const mine = ++turn
    checking.value = true
    refused.value = ''
    try {
      const { job_id } = await post<{ job_id: string }>(`/imports/${id.value}/check`)
      if (mine !== turn || !record.value) return
      record.value = { ...record.value, job_id }
      const done = await live.follow(job_id)
      if (mine !== turn) return
      await reread()
      if (done.state === 'failed') refused.value = done.message ?? t('imports.check-failed')
      if (done.state === 'cancelled') refused.value = t('imports.check-stopped')
    } catch (e) {
      if (mine === turn) refused.value = say(e)
    } finally {
      if (mine === turn) checking.value = false
    }
  }
  async function change(body: ImportChange): Promise<void> {
    if (!record.value) return
    refused.value = ''
    turn++
    if (body.mapping) {
      const all = remap(body.mapping)
      if (missing.value.length) {
        checking.value = false
        return
      }
      body = { mapping: all }
    }
    try {
      if (body.read) {
        accept(await post<ImportRecord>(`/imports/${id.value}/read`, body.read))
        chosen.value = new Set()
        known.value = null
      } else accept(await patch<ImportRecord>('/imports/' + id.value, body))
      clearTimeout(soon)
      if (missing.value.length) {
        checking.value = false
        return
      }
      checking.value = true
      soon = setTimeout(() => void runCheck(), 250)
    } catch (e) {
      refused.value =
        e instanceof Problem && e.body.errors?.length ? e.body.errors.map(x => x.message).join(' ') : say(e)
      checking.value = false
    }
  }
  function remap(some: Mapping): Mapping {
    for (const k of Object.keys(some)) chosen.value.add(Number(k))
    const list = columns.value.map(c => (String(c.index) in some ? { ...c, field: some[String(c.index)] ?? null } : c))
    record.value = { ...record.value!, check: null, columns: list }
    return Object.fromEntries(list.map(c => [String(c.index), c.field]))
  }
  /** The next file with these headers is guessed again, and so is this one. */
  async function forget(): Promise<void> {
    try {
      await request(`/imports/${id.value}/memory`, { method: 'DELETE' })
      await change({ read: {} })
    } catch (e) {
      refused.value = say(e)
    }
  }
  /** A field has one column: whoever had it before gives it up. */
  function map(c: ImportColumn, name: string | null): void {
    const some: Mapping = { [String(c.index)]: name }
    for (const o of columns.value) if (name && o.field === name && o.index !== c.index) some[String(o.index)] = null
    void change({ mapping: some })
  }

  function send(
    entity: string,
    file: File,
    progress: (share: number) => void,
    stop: AbortSignal,
  ): Promise<ImportRecord> {
    return upload<ImportRecord>('/imports' + query({ entity, name: file.name }), file, progress, stop)
  }
  async function run(): Promise<void> {
    if (starting.value || !record.value) return
    if (missing.value.length) {
      refused.value = t('imports.missing', { fields: missingText.value })
      return
    }
    starting.value = true
    try {
      const { job_id } = await post<{ job_id: string }>(`/imports/${id.value}/run`)
      record.value = { ...record.value, state: 'running', job_id }
      void follow(job_id)
    } catch (e) {
      refused.value = say(e)
    } finally {
      starting.value = false
    }
  }
  async function undo(r: ImportRecord): Promise<void> {
    try {
      const { job_id } = await post<{ job_id: string }>(`/imports/${r.id}/undo`)
      if (record.value?.id === r.id) {
        record.value = { ...record.value, state: 'undoing', job_id }
        await follow(job_id)
        return
      }
      await live.follow(job_id)
      await loadRecent()
      toast.say(t('imports.undone-toast', { name: r.name }))
    } catch (e) {
      toast.warn(say(e))
    }
  }

  return {
    id,
    record,
    error,
    recent,
    refused,
    checking,
    starting,
    chosen,
    revision,
    known,
    check,
    job,
    editable,
    columns,
    taken,
    missing,
    missingText,
    update,
    toWrite,
    reports,
    field,
    fieldLabel,
    loadRecent,
    open,
    load,
    change,
    forget,
    map,
    send,
    run,
    undo,
  }
})
