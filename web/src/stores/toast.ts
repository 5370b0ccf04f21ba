import { defineStore } from 'pinia'
import { shallowRef } from 'vue'
import { newKey } from '@/api/client'

export interface Toast {
  id: string
  text: string
  bad?: boolean
  action?: { label: string; run: () => void | Promise<void>; undo?: boolean }
}

/** One at a time; the last said is the one that counts. */
export const useToast = defineStore('toast', () => {
  const current = shallowRef<Toast | null>(null)
  const say = (text: string, action?: Toast['action']): void => {
    current.value = { id: newKey(), text, action }
  }
  const warn = (text: string): void => {
    current.value = { id: newKey(), text, bad: true }
  }
  const clear = (): void => {
    current.value = null
  }
  async function act(): Promise<void> {
    const action = current.value?.action
    clear()
    await action?.run()
  }
  return { current, say, warn, clear, act }
})
