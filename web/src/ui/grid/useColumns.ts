import { computed, ref, type ComputedRef } from 'vue'
import { read, write } from '@/i18n'
import { useMedia } from '@/ui/use'
import type { GridColumn } from './types'

/** Which columns are shown: the person's choice first, then what the width allows. */
export function useColumns(name: string, columns: ComputedRef<GridColumn[]>) {
  const key = 'patron.columns.' + name
  const chosen = ref<Record<string, boolean>>({})
  try {
    chosen.value = JSON.parse(read(key) ?? '{}') as Record<string, boolean>
  } catch {
    chosen.value = {}
  }
  const steps = [1600, 1440, 1200, 960].map(px => ({ px, fits: useMedia(`(min-width: ${px}px)`) }))
  const room = computed(() => steps.find(s => s.fits.value)?.px ?? 640)
  const wanted = (c: GridColumn): boolean => chosen.value[c.id] ?? !c.hidden
  const visible = computed(() =>
    Object.fromEntries(
      columns.value.map(c => [
        c.id,
        c.fixed || (wanted(c) && (chosen.value[c.id] === true || (c.from ?? 0) <= room.value)),
      ]),
    ),
  )
  const ticked = computed(() => Object.fromEntries(columns.value.map(c => [c.id, c.fixed || wanted(c)])))
  const dropped = computed(() => columns.value.filter(c => wanted(c) && !visible.value[c.id]).length)
  function toggle(id: string, on: boolean): void {
    chosen.value = { ...chosen.value, [id]: on }
    write(key, JSON.stringify(chosen.value))
  }
  function reset(): void {
    chosen.value = {}
    write(key, '{}')
  }
  return { visible, ticked, dropped, toggle, reset }
}
