import { computed, onMounted, ref, shallowRef, type Ref } from 'vue'
import { useI18n } from 'vue-i18n'
import { get, newKey, query, request, upload } from '@/api/client'
import { useLive } from '@/stores/live'
import { useToast } from '@/stores/toast'
import { useProblemText } from '@/ui/use'

export interface Attachment {
  id: string
  name: string
  size: number
  type: string
  shown: boolean
  at: number
  by: { id: string | null; name: string | null }
}
/** A file on its way, or one that did not get there. */
export interface Sending {
  key: string
  name: string
  share: number
  wrong: string
}
interface Listed {
  may: boolean
  limit: number
  items: Attachment[]
}

export const addressOf = (a: Attachment, inside = false): string =>
  `/api/v1/attachments/${a.id}` + (inside ? '?inline=1' : '')

/** The files of one record: listed, sent one after the other, taken off with a way back. */
export function useFiles(entity: () => string, path: () => string, id: () => string) {
  const { t } = useI18n()
  const toast = useToast()
  const live = useLive()
  const say = useProblemText()
  const items = shallowRef<Attachment[]>([])
  const may = ref(false)
  const limit = ref(0)
  const failed = ref('')
  const loaded = ref(false)
  const sending: Ref<Sending[]> = ref([])
  const aborts = new Map<string, AbortController>()
  let queue: Promise<void> = Promise.resolve()

  async function load(): Promise<void> {
    failed.value = ''
    try {
      const l = await get<Listed>(`/${path()}/${id()}/attachments`)
      items.value = l.items
      may.value = l.may
      limit.value = l.limit
      loaded.value = true
    } catch (e) {
      failed.value = say(e)
    }
  }
  onMounted(load)
  live.on('record', e => {
    if (e.entity === entity() && e.id === id() && ['attach', 'detach'].includes(e.kind)) void load()
  })

  const drop = (key: string): void => {
    aborts.get(key)?.abort()
    aborts.delete(key)
    sending.value = sending.value.filter(s => s.key !== key)
  }
  async function send(file: File, s: Sending): Promise<void> {
    const abort = aborts.get(s.key)
    if (!abort) return // taken out of the queue
    const row = (): Sending | undefined => sending.value.find(x => x.key === s.key)
    try {
      const where = `/${path()}/${id()}/attachments` + query({ name: file.name })
      const made = await upload<Attachment>(where, file, share => (row()!.share = share), abort.signal)
      items.value = [made, ...items.value.filter(a => a.id !== made.id)]
      drop(s.key)
    } catch (e) {
      const r = row()
      if (r) r.wrong = e instanceof DOMException ? t('files.stopped', { name: file.name }) : say(e)
    }
  }
  function add(files: Iterable<File>): void {
    for (const file of files) {
      const tooLarge = limit.value && file.size > limit.value
      const wrong = tooLarge ? t('files.too-large', { name: file.name, limit: Math.floor(limit.value / 1e6) }) : ''
      const s: Sending = { key: newKey(), name: file.name, share: 0, wrong }
      sending.value = [...sending.value, s]
      if (wrong) continue
      aborts.set(s.key, new AbortController())
      queue = queue.then(() => send(file, s))
    }
  }
  async function remove(a: Attachment): Promise<void> {
    try {
      await request('/attachments/' + a.id, { method: 'DELETE' })
      items.value = items.value.filter(x => x.id !== a.id)
      const run = async (): Promise<void> => {
        try {
          await request('/attachments/' + a.id + '/restore', { method: 'POST' })
        } catch (e) {
          toast.warn(say(e))
        }
        await load()
      }
      toast.say(t('files.removed', { name: a.name }), { label: t('do.undo'), undo: true, run })
    } catch (e) {
      toast.warn(say(e))
    }
  }
  const pictures = computed(() => items.value.filter(a => a.type.startsWith('image/') && a.shown))
  const others = computed(() => items.value.filter(a => !pictures.value.includes(a)))
  return { items, pictures, others, may, failed, loaded, sending, load, add, drop, remove }
}
