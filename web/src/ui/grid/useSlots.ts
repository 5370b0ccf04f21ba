import { computed, type ComputedRef } from 'vue'

/**
 * Which row element shows which row. A row that scrolls out leaves its element to one that scrolls in, so that elements
 * are filled anew instead of being thrown away and made again.
 */
export function useSlotsOf(shown: () => number[]): ComputedRef<Map<number, number>> {
  let last = new Map<number, number>()
  let made = 0
  return computed(() => {
    const list = shown()
    const wanted = new Set(list)
    const free = [...last].filter(([index]) => !wanted.has(index)).map(([, slot]) => slot)
    const next = new Map<number, number>()
    for (const index of list) next.set(index, last.get(index) ?? free.pop() ?? made++)
    last = next
    return next
  })
}
