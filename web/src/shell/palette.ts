import type { RouteLocationRaw } from 'vue-router'
import type { IconName } from '@/ui/icons'
import { destinations } from './nav'

/** What can be done besides going somewhere. */
export type Act = 'xlsx' | 'csv' | 'light' | 'dark' | 'system' | 'zh' | 'en' | 'sign-out'

/** What the palette offers beside records. `words`: what people type for it, Chinese labels by sound and first letters. */
export interface Offer {
  id: string
  label: string
  group: 'search.do' | 'search.go'
  icon: IconName
  words: string
  to?: RouteLocationRaw
  act?: Act
  /** the right that it needs */
  create?: string
  admin?: boolean
  /** only when it is asked for: the rest can be read through */
  quiet?: boolean
}

/** A row of the palette. */
export interface Item {
  id: string
  group: string
  title: string
  sub?: string
  grade?: string | null
  value?: string
  /** the characters of the title that match what was typed */
  mark?: [number, number]
  plain?: boolean
  icon: IconName
  run: () => void
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

type Made = [id: string, label: string, words: string, to: RouteLocationRaw, create: string]
const made: Made[] = [
  [
    'new-customer',
    'customers.create',
    'xinjiankehu xjkh new customer',
    { name: 'customers', query: { new: '1' } },
    'customer',
  ],
  [
    'new-contact',
    'contacts.create',
    'xinjianlianxiren xjlxr new contact',
    { name: 'contacts', query: { new: '1' } },
    'contact',
  ],
  ['new-order', 'orders.create', 'xinjiandingdan xjdd new order', { name: 'order-new' }, 'order'],
  [
    'new-task',
    'tasks.create',
    'xinjiandaiban xjdb xinjianrenwu new task',
    { name: 'tasks', query: { new: '1' } },
    'task',
  ],
  [
    'new-product',
    'products.create',
    'xinjianchanpin xjcp new product',
    { name: 'products', query: { new: '1' } },
    'product',
  ],
]
const acts: [act: Act, label: string, icon: IconName, words: string][] = [
  ['xlsx', 'search.act.xlsx', 'download', 'daochu dc export download excel xlsx workbook'],
  ['csv', 'search.act.csv', 'download', 'daochu dc export download csv'],
  ['light', 'search.act.light', 'sun', 'qianse qs light theme appearance'],
  ['dark', 'search.act.dark', 'moon', 'shense ss anse as yejian yj dark theme night appearance'],
  ['system', 'search.act.system', 'gear', 'gensuixitong gsxt system theme appearance'],
  ['zh', 'search.act.zh', 'globe', '中文 zhongwen zw yuyan yy chinese language'],
  ['en', 'search.act.en', 'globe', 'yingwen yw yuyan yy english language'],
  ['sign-out', 'shell.signout', 'signout', 'tuichudenglu tcdl tc sign out logout'],
]
const places: [name: string, label: string, words: string, admin: boolean][] = [
  ['account', 'account.title', 'wodezhanghu wdzh zhanghu zh account password tokens sessions', false],
  ['admin-people', 'admin.places.people', 'tongshi ts yonghu yh people colleagues users invite', true],
  ['admin-departments', 'admin.places.departments', 'bumen bm departments teams', true],
  ['admin-roles', 'admin.places.roles', 'juese js quanxian qx roles rights permissions', true],
  ['admin-tags', 'admin.places.tags', 'biaoqian bq tags labels', true],
  ['admin-company', 'admin.places.company', 'gongsi gs shezhi sz huilv hl company settings rates currency', true],
  ['admin-audit', 'admin.places.audit', 'shenji sj rizhi rz audit log history', true],
]

export const offers: Offer[] = [
  ...made.map<Offer>(([id, label, words, to, create]) => ({
    id,
    label,
    words,
    to,
    create,
    group: 'search.do',
    icon: 'plus',
  })),
  ...acts.map<Offer>(([act, label, icon, words]) => ({
    id: 'do-' + act,
    label,
    icon,
    words,
    act,
    group: 'search.do',
    quiet: true,
  })),
  ...destinations.map<Offer>(d => ({
    id: 'go-' + d.name,
    label: d.label,
    group: 'search.go',
    icon: 'arrow',
    words: sounds[d.name] ?? d.name,
    to: { name: d.name },
    admin: d.admin,
  })),
  ...places.map<Offer>(([name, label, words, admin]) => ({
    id: 'go-' + name,
    label,
    words,
    admin,
    to: { name },
    group: 'search.go',
    icon: 'arrow',
    quiet: true,
  })),
]

/** Does an offer answer to what was typed? Its label holds it, or one of its words begins with it. */
export function answers(offer: Offer, label: string, typed: string): boolean {
  const q = typed.trim().toLowerCase()
  if (!q) return !offer.quiet
  return (
    label.toLowerCase().includes(q) ||
    offer.words.split(' ').some(w => w.startsWith(q.replaceAll(' ', ''))) ||
    offer.words.includes(q)
  )
}
