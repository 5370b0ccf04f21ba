import { inject, onBeforeUnmount, onMounted, ref, type Ref } from 'vue'
import { typing } from './use'

/** Something floats over the page, and has the keys. */
export const covered = (): boolean => !!document.querySelector('.el-overlay:not([style*="display: none"])')

/**
 * The single keys of a page, by their names in small letters. None fires while one types, with another key held, under
 * what floats, when somebody else has taken it, or when the person has switched them off. `false`: not for us.
 */
export function useKeys(on: Record<string, () => void | boolean>): void {
  const single = inject<Ref<boolean>>('singleKeys', ref(true))
  function key(e: KeyboardEvent): void {
    const act = on[e.key.toLowerCase()]
    if (!act || typing(e) || e.metaKey || e.ctrlKey || e.altKey || e.defaultPrevented || !single.value || covered())
      return
    if (act() !== false) e.preventDefault()
  }
  onMounted(() => addEventListener('keydown', key))
  onBeforeUnmount(() => removeEventListener('keydown', key))
}
