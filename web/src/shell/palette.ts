import type { RouteLocationRaw } from 'vue-router'
import type { IconName } from '@/ui/icons'
import { destinations } from './nav'

/** What the palette offers beside records. `words`: what people type for it, Chinese labels by sound and first letters. */
export interface Offer {
  id: string
  label: string
  group: 'search.do' | 'search.go'
  icon: IconName
  words: string
  to: RouteLocationRaw
  /** the right that it needs */
  create?: string
  admin?: boolean
}

const sounds: Record<string, string> = {
  home: 'jinri jr shouye sy home today',
  customers: 'kehu kh customers',
  contacts: 'lianxiren lxr contacts people',
  tasks: 'daiban db renwu rw tasks',
  orders: 'dingdan dd orders',
  products: 'chanpin cp products',
  value: 'jiazhi jz value',
  import: 'daoru dr import',
  jobs: 'houtairenwu htrw jobs',
  admin: 'guanli gl admin settings',
}

export const offers: Offer[] = [
  {
    id: 'new-customer',
    label: 'customers.create',
    words: 'xinjiankehu xjkh new customer',
    to: { name: 'customers', query: { new: '1' } },
    create: 'customer',
  },
  {
    id: 'new-contact',
    label: 'contacts.create',
    words: 'xinjianlianxiren xjlxr new contact',
    to: { name: 'contacts', query: { new: '1' } },
    create: 'contact',
  },
  {
    id: 'new-order',
    label: 'orders.create',
    words: 'xinjiandingdan xjdd new order',
    to: { name: 'order-new' },
    create: 'order',
  },
  {
    id: 'new-task',
    label: 'tasks.create',
    words: 'xinjiandaiban xjdb xinjianrenwu new task',
    to: { name: 'tasks', query: { new: '1' } },
    create: 'task',
  },
  {
    id: 'new-product',
    label: 'products.create',
    words: 'xinjianchanpin xjcp new product',
    to: { name: 'products', query: { new: '1' } },
    create: 'product',
  },
].map<Offer>(o => ({ ...o, group: 'search.do', icon: 'plus' }))
offers.push(
  ...destinations.map<Offer>(d => ({
    id: 'go-' + d.name,
    label: d.label,
    group: 'search.go',
    icon: 'arrow',
    words: sounds[d.name] ?? d.name,
    to: { name: d.name },
    admin: d.admin,
  })),
)

/** Does an offer answer to what was typed? Its label holds it, or one of its words begins with it. */
export function answers(offer: Offer, label: string, typed: string): boolean {
  const q = typed.trim().toLowerCase()
  return (
    !q ||
    label.toLowerCase().includes(q) ||
    offer.words.split(' ').some(w => w.startsWith(q.replaceAll(' ', ''))) ||
    offer.words.includes(q)
  )
}
