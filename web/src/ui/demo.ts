import type { Router } from 'vue-router'
import { post } from '@/api/client'

/** Fills the empty company with an invented one, and shows how it goes. */
export async function startDemo(router: Router): Promise<void> {
  await post('/demo', {})
  await router.push({ name: 'jobs' })
}
