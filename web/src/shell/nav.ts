import type { IconName } from '@/ui/icons'

export interface Destination {
  name: string
  label: string
  icon: IconName
  group?: string
  /** in the bottom bar of a phone, which holds five; the others are in the menu */
  foot?: boolean
  key: string
  /** shown to administrators alone, and not in the bar of a phone */
  admin?: boolean
}
/** Only what exists. `key` is pressed after G. */
export const destinations: Destination[] = [
  { name: 'home', label: 'nav.home', icon: 'home', key: 'H', foot: true },
  { name: 'customers', label: 'nav.customers', icon: 'customers', key: 'C', foot: true },
  { name: 'contacts', label: 'nav.contacts', icon: 'person', key: 'P' },
  { name: 'tasks', label: 'nav.tasks', icon: 'tasks', key: 'T', foot: true },
  { name: 'orders', label: 'nav.orders', icon: 'orders', group: 'nav.groups.trade', key: 'O', foot: true },
  { name: 'products', label: 'nav.products', icon: 'tag', key: 'R' },
  { name: 'value', label: 'nav.value', icon: 'value', group: 'nav.groups.value', key: 'V', foot: true },
  { name: 'import', label: 'nav.import', icon: 'import', group: 'nav.groups.data', key: 'I' },
  { name: 'jobs', label: 'nav.jobs', icon: 'jobs', key: 'J' },
  { name: 'admin', label: 'nav.admin', icon: 'company', group: 'nav.groups.admin', key: 'A', admin: true },
]
