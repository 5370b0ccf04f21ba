import { ref, shallowRef, watch } from 'vue'
import { useI18n } from 'vue-i18n'
import { get, query } from '@/api/client'
import type { Filter, Page } from '@/api/types'
import { useToast } from '@/stores/toast'
import { useProblemText } from '@/ui/use'
import type { BulkAct, BulkWhere } from './useBulk'

/** The change as the server has it. */
export function changeOf(act: BulkAct): Record<string, unknown> {
  if (act.what === 'owner') return { set: { owner_id: act.id } }
  if (act.what === 'tags') return { tags: { add: act.add } }
  return { [act.what]: true }
}

/** Are all rows that are here ticked, and are there more that match? Then all of them can be chosen. */
export const mayChooseAll = (ticked: number, here: number, more: boolean): boolean =>
  ticked > 0 && ticked >= here && more

/** Everything that matches, chosen at once: how many that is, exactly, and what is asked to be done with it. */
export function useBulkAll(
  where: BulkWhere & { filter: () => Filter | null; trash: () => boolean; view: () => unknown },
) {
  const { t } = useI18n()
  const toast = useToast()
  const say = useProblemText()
  const total = ref<number | null>(null)
  const counting = ref(false)
  const asked = shallowRef<BulkAct | null>(null)

  async function count(): Promise<number | null> {
    const filter = where.filter()
    const asking = {
      limit: 1,
      fields: 'id',
      count: 'exact',
      filter: filter ? JSON.stringify(filter) : null,
      trash: where.trash() ? 1 : null,
    }
    counting.value = true
    try {
      return (await get<Page>(where.path() + query(asking))).count?.value ?? null
    } catch (e) {
      toast.warn(t('bulk.all.uncounted', { reason: say(e) }))
      return null
    } finally {
      counting.value = false
    }
  }
  async function choose(): Promise<void> {
    if (!counting.value) total.value = await count()
  }
  const clear = (): void => {
    total.value = null
  }
  watch(where.view, clear, { deep: true })
  const ask = (act: BulkAct): void => {
    asked.value = act
  }
  const answered = (): void => {
    asked.value = null
  }
  return { total, counting, asked, choose, clear, ask, answered }
}
