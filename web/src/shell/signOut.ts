import { useRecent } from '@/stores/recent'
import { useSession } from '@/stores/session'
import { useValue } from '@/stores/value'

/** Signs out, and leaves nothing of this person on the page. */
export function useSignOut(): () => Promise<void> {
  const session = useSession()
  const recent = useRecent()
  const value = useValue()
  return async () => {
    recent.forget()
    await session.signOut()
    value.forget()
    location.assign('/sign-in')
  }
}
