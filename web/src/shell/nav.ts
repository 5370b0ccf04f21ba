import type { IconName } from '@/ui/icons'

export interface Destination {
  name: string
  label: string
  icon: IconName
  group?: string
  key: string
  /** shown to administrators alone, and not in the bar of a phone */
  admin?: boolean
}
/** Only what exists. `key` is pressed after G. */
export const destinations: Destination[] = [
  { name: 'customers', label: 'nav.customers', icon: 'customers', key: 'C' },
  { name: 'orders', label: 'nav.orders', icon: 'orders', key: 'O' },
  { name: 'value', label: 'nav.value', icon: 'value', group: 'nav.groups.value', key: 'V' },
  { name: 'import', label: 'nav.import', icon: 'import', group: 'nav.groups.data', key: 'I' },
  { name: 'jobs', label: 'nav.jobs', icon: 'jobs', key: 'J' },
  { name: 'admin', label: 'nav.admin', icon: 'company', group: 'nav.groups.admin', key: 'A', admin: true },
]
