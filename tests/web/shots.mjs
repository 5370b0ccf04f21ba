// Screenshots of every screen × {1440, 390} × {zh, en} × {light, dark} into build/shots, each checked by program for
// horizontal overflow, contrast under 4.5, untranslated or wrong-language text, CSP reports and console errors; half of
// them by axe.
//   node tests/web/shots.mjs [name…]      only these screens
//   PATRON_SHOTS=half                     Chinese in the light, English in the dark
import { mkdirSync, writeFileSync } from 'node:fs'
import { accessible, Count, inspect, openBrowser, openServer, root, settle, watchPage } from './lib.mjs'
import {
  client,
  files,
  fillWithSample,
  labels,
  laterFile,
  refreshValues,
  ringing,
  setUp,
  signIn,
  staff,
} from './prepare.mjs'
import { linesFile } from './workbook.mjs'

const out = `${root}/build/shots`
mkdirSync(out, { recursive: true })
const only = process.argv.slice(2)
const languages = (process.env.PATRON_LANG ?? 'zh,en').split(','),
  themes = ['light', 'dark'],
  widths = [1440, 390]
/** Half of the pictures show every language and every theme: these are looked at by axe, too. */
const inHalf = (lang, theme) => (lang === 'zh') === (theme === 'light')
const half = process.env.PATRON_SHOTS === 'half'
const count = new Count()
const server = await openServer()
if (!server) {
  console.log('build/patron does not exist and PATRON_URL is not set')
  process.exit(1)
}
const browser = await openBrowser()
const page = await browser.context.newPage()
const findings = []
await watchPage(page, findings)
page.setDefaultTimeout(15_000)
const api = client(browser.context, server.url)

let welcome = 'none'
let assistant = null
const first = async () => (await api.get('/customers?limit=1&sort=-clv&fields=id,name')).items[0]
const meeting = async () => (await api.get('/affiliations?limit=1&fields=id,customer_id,contact_id')).items[0]
const lined = async () => (await api.get('/orders?limit=1&fields=id&number=SO-26-3391')).items[0].id
/** An order in dollars of the first customer. */
async function foreign() {
  const [there] = (await api.get('/orders?limit=1&fields=id&number=SO-USD-1')).items
  if (there) return there.id
  const { id: customer_id } = await first()
  const usd = amount => ({ amount, currency: 'USD' })
  const o = await api.post('/orders', {
    customer_id,
    number: 'SO-USD-1',
    ordered_on: '2024-11-05',
    lines: [
      {
        description: 'HSK-A63',
        quantity: '4',
        unit: 'pcs',
        price: usd('186.50'),
        unit_cost: usd('121.00'),
      },
      {
        description: 'ER32',
        quantity: '12',
        unit: 'pcs',
        price: usd('14.90'),
        unit_cost: usd('8.25'),
      },
    ],
  })
  return o.id
}
/** Values the company at the ends of four quarters, unless it was; its first customer. */
async function valuedFourTimes() {
  const { id } = await first()
  const { history } = await api.get(`/customers/${id}/value`)
  for (let days = 270; history.length < 4 && days >= 0; days -= 90) {
    const day = new Date(Date.parse(history.at(-1).date) - days * 864e5).toISOString().slice(0, 10)
    const { job_id: job } = await api.post('/value/refresh', {
      as_of: day,
      model: 'mbg-nbd',
    })
    while (!['done', 'failed'].includes((await api.get('/jobs/' + job)).state)) await page.waitForTimeout(200)
  }
  return id
}
/** Everything that matches is chosen: by the box above the rows, and on a phone by a button. */
async function chooseAll(p) {
  if (p.viewportSize().width > 640) {
    await p.locator('thead .cb').click()
    await p.locator('.bulk .more').click()
  } else await p.getByRole('button', { name: /Change all|全部修改/ }).click()
  await p.locator('.bulk .more').waitFor({ state: 'detached' })
  await p.locator('.bulk').waitFor()
}
/** A change of very many has left some as they were. */
let left = false
async function leftAlone() {
  if (left) return
  left = true
  const rows = (await api.get('/customers?limit=4&sort=name&fields=id,name')).items
  const { job_id: job } = await api.post('/customers/bulk', {
    filter: { field: 'id', op: 'in', value: rows.map(r => r.id) },
    change: { set: { parent_id: rows[0].id } },
    expected: 4,
  })
  while (!['done', 'failed'].includes((await api.get('/jobs/' + job)).state)) await page.waitForTimeout(100)
}
const screens = [
  {
    name: 'setup',
    when: 'before',
    path: () => server.setup.slice(server.url.length),
    act: async p => {
      await p.fill('#admin-name', '赵倩')
      await p.fill('#admin-login', 'zhao')
      await p.fill('#admin-password', 'patron-demo-1')
      await p.click('footer .pri')
      await p.fill('#company-name', '锐进工业用品')
    },
  },
  { name: 'sign-in', when: 'out', path: () => '/sign-in' },
  {
    name: 'sign-in-wrong',
    when: 'out',
    path: () => '/sign-in',
    act: async p => {
      await p.fill('#login', 'zhao')
      await p.fill('#password', 'not-this')
      await p.click('.go')
      await p.locator('#signin-message', { hasText: /\S/ }).waitFor()
    },
  },
  { name: 'welcome', when: 'out', path: () => '/welcome#' + welcome },
  { name: 'welcome-over', when: 'out', path: () => '/welcome#used' },
  { name: 'home-none', when: 'empty', path: () => '/' },
  { name: 'customers-none', when: 'empty', path: () => '/customers' },
  { name: 'value-none', when: 'empty', path: () => '/value' },
  { name: 'import', when: 'empty', path: () => '/import' },
  { name: 'jobs-none', when: 'empty', path: () => '/jobs' },
  { name: 'contacts-none', when: 'empty', path: () => '/contacts' },
  { name: 'products-none', when: 'empty', path: () => '/products' },
  { name: 'tasks-none', when: 'empty', path: () => '/tasks' },
  { name: 'home', path: () => '/?of=mine' },
  { name: 'home-all', path: () => '/?of=all' },
  { name: 'customers', path: () => '/customers' },
  {
    name: 'customers-chosen',
    path: () =>
      '/customers?f=' +
      encodeURIComponent(
        '[{"field":"last_order_on","op":"last_days","value":180},{"field":"abc","op":"in","value":["A","B"]}]',
      ),
    wide: true,
    act: async p => {
      for (const i of [2, 4, 5]) await p.locator('tbody tr:not(.gap)').nth(i).locator('.cb').click()
    },
  },
  {
    name: 'customers-all',
    path: () => '/customers',
    act: chooseAll,
  },
  {
    name: 'customers-all-ask',
    path: () => '/customers',
    act: async p => {
      await chooseAll(p)
      await p.locator('.bulk button').nth(2).click()
      await p.locator('.bulkdlg .danger').waitFor()
    },
  },
  {
    name: 'customers-all-done',
    path: async () => {
      await leftAlone()
      return '/jobs'
    },
    act: async p => {
      await p.locator('td .btn').first().click()
      await p.locator('.bulkdlg .why li').first().waitFor()
    },
  },
  {
    name: 'customers-filter',
    path: () => '/customers',
    act: async p => {
      await p.locator('.fb .btn.ghost').click()
      await p.selectOption('#filter-field', 'industry')
    },
  },
  {
    name: 'customers-nobody',
    path: () => '/customers?f=' + encodeURIComponent('[{"field":"orders_count","op":"gte","value":999999}]'),
  },
  {
    name: 'customers-create',
    path: () => '/customers',
    act: async p => {
      await p.locator('.acts .pri').click()
      await p.locator('#f-name').waitFor()
      await p.waitForTimeout(300)
      await p.locator('.el-drawer__footer .pri').click()
      await p.locator('.summary').waitFor()
      await p.waitForTimeout(400)
    },
  },
  {
    name: 'bell',
    path: () => '/customers',
    act: async p => {
      await p.locator('.top .bell').click()
      await p.locator('.rings li').first().waitFor()
    },
  },
  { name: 'bell-wishes', path: () => '/account#wishes' },
  {
    name: 'task-reminder',
    path: async () =>
      '/tasks?open=' +
      (
        await api.get(
          '/tasks?limit=1&fields=id&filter=' +
            encodeURIComponent(
              JSON.stringify({
                field: 'due_time',
                op: 'notnull',
              }),
            ),
        )
      ).items[0].id,
    act: async p => {
      await p.selectOption('#f-reminder_at', '10')
    },
  },
  {
    name: 'files',
    path: async () => '/customers/' + (await first()).id,
    act: async p => {
      if (p.viewportSize().width < 640) await p.locator('.tabs [role=tab]').last().click()
      await p.locator('.files').scrollIntoViewIfNeeded()
    },
  },
  {
    name: 'file-preview',
    path: async () => '/customers/' + (await first()).id,
    act: async p => {
      if (p.viewportSize().width < 640) await p.locator('.tabs [role=tab]').last().click()
      await p.locator('.files .tiles button').first().click()
      await p.locator('.preview .stage img').waitFor()
      await p.waitForTimeout(400)
    },
  },
  {
    name: 'task-files',
    path: async () => '/tasks?open=' + (await api.get('/tasks?limit=1&fields=id')).items[0].id,
    act: async p => {
      await p.setInputFiles('.el-drawer .files input[type=file] >> nth=0', [
        { name: 'setup.exe', mimeType: 'image/png', buffer: Buffer.from('MZ\x90\0\x03\0') },
      ])
      await p.locator('.el-drawer .files .bad').waitFor()
    },
  },
  {
    name: 'customer-note',
    path: async () => {
      const { id } = await first()
      const body = [
        '### 试刀结果',
        '总体 *比上次好*，~~D12~~ 改用 **D10**，转速 `S=4500`。',
        '- 五轴机床',
        '  1. 粗加工：进给再提 10 %',
        '  2. 精加工：表面 Ra 0.8',
        '- [x] 样品已寄',
        '- [ ] 报价',
        '',
        '---',
        '| 刀具 | 寿命（件） | 单价 |',
        '|:-----|----:|----:|',
        '| 立铣刀 D10 | 1,280 | 168.00 |',
        '| 球头刀 R5 | 960 | 212.50 |',
      ].join('\n')
      const { items } = await api.get(`/notes?limit=1&fields=id&body[contains]=Ra&customer_id=${id}`)
      if (!items.length) await api.post('/notes', { customer_id: id, body })
      return '/customers/' + id
    },
    act: async p => {
      if (p.viewportSize().width < 640) await p.locator('.tabs [role=tab]').nth(-2).click()
      await p.locator('.notes table').first().scrollIntoViewIfNeeded()
    },
  },
  {
    name: 'order-notes',
    path: async () => {
      const order = await lined()
      const { customer_id } = await api.get('/orders/' + order)
      const { items } = await api.get(`/notes?limit=1&fields=id&order_id=${order}`)
      if (!items.length)
        await api.post('/notes', {
          customer_id,
          order_id: order,
          method: 'phone',
          body: '李国栋要求**分两批**发货：刀具先走，主轴等 12 月 5 日。',
        })
      return '/orders/' + order
    },
    act: async p => {
      await p.locator('.notes li').first().scrollIntoViewIfNeeded()
    },
  },
  {
    name: 'customers-tags',
    path: () => '/customers',
    wide: true,
    act: async p => {
      if (p.viewportSize().width < 640) return
      await p.getByRole('button', { name: /^(列|Columns)/ }).click()
      await p.getByRole('checkbox', { name: /^(标签|Tags)$/ }).check()
      await p.keyboard.press('Escape')
    },
  },
  {
    name: 'customer-tagging',
    path: async () => '/customers/' + (await first()).id,
    act: async p => {
      await p.locator('.ttl .add').click()
      await p.fill('#record-tags', '展')
      await p.locator('#record-tags-list li').first().waitFor()
    },
  },
  {
    name: 'search-favourites',
    path: () => '/customers',
    act: async p => {
      if ((await p.locator('.top .find').count()) === 0) await p.locator('.top .btn.icon.end').click()
      else await p.keyboard.press('Control+k')
      await p.waitForTimeout(200)
    },
  },
  { name: 'admin-tags', path: () => '/admin/tags' },
  { name: 'customer', path: async () => '/customers/' + (await first()).id },
  {
    name: 'customer-how',
    path: async () => '/customers/' + (await first()).id,
    act: async p => {
      await p.locator('.band .lnk').first().click()
    },
  },
  {
    name: 'customer-conflict',
    path: async () => '/customers/' + (await first()).id,
    act: async p => {
      const id = page.url().split('/').at(-1)
      await p.locator('.head .act .btn').nth(1).click()
      await p.locator('#f-phone').waitFor()
      await p.waitForTimeout(300)
      await p.fill('#f-phone', '021-1111' + String(Date.now()).slice(-4))
      await api.patch('/customers/' + id, {
        phone: '021-9999' + String(Date.now()).slice(-4),
      })
      await p.locator('.el-drawer__footer .pri').click()
      await p.locator('.el-dialog .pri').waitFor()
      await p.waitForTimeout(400)
    },
  },
  { name: 'orders', path: () => '/orders' },
  { name: 'order', path: async () => '/orders/' + (await lined()) },
  {
    name: 'order-lines',
    path: async () => '/orders/' + (await lined()),
    act: async p => {
      await p.fill('#line-1-discount', '200')
      await p.locator('.lines .add').click()
      await p.locator('#line-4-description').pressSequentially('丝锥')
      await p.locator('.pl li').first().waitFor()
      await p.keyboard.press('ArrowDown')
      await p.keyboard.press('Enter')
      await p.locator('.savebar .pri').click()
      await p.locator('.savebar .bad').waitFor()
    },
    after: async p => {
      await p.locator('.savebar .btn').first().click()
      await p.locator('.savebar').waitFor({ state: 'detached' })
    },
  },
  {
    name: 'order-new',
    path: async () => '/orders/new?customer=' + (await first()).id,
    act: async p => {
      await p.locator('#line-0-description').click()
      await p.locator('.pl li').first().waitFor()
    },
  },
  { name: 'contacts', path: () => '/contacts' },
  {
    name: 'contact',
    path: () => '/contacts',
    act: async p => {
      await p.locator('tbody tr .opens, tbody td.card').first().click()
      await p.locator('#f-name').waitFor()
      await p.waitForTimeout(400)
    },
  },
  {
    // with all that a drawer can hold: tags, tools, whom one meets where
    name: 'contact-full',
    path: async () => '/contacts?open=' + (await meeting()).contact_id,
    act: async p => {
      await p.locator('.met li').waitFor()
      await p.waitForTimeout(400)
    },
  },
  {
    // after what the pictures before it opened
    name: 'home-recent',
    path: async () => {
      const { id } = await first()
      await page.goto(server.url + '/customers/' + id)
      await page.locator('.head').waitFor()
      await assistant?.patch('/customers/' + id, { phone: '0512-6' + String(Date.now()).slice(-6) })
      return '/?of=all'
    },
    act: async p => {
      await p.locator('.rec .news').first().waitFor()
      await p.locator('.rec').scrollIntoViewIfNeeded()
    },
  },
  {
    name: 'search-recent',
    path: () => '/tasks',
    act: async p => {
      if ((await p.locator('.top .find').count()) === 0) await p.locator('.top .btn.icon.end').click()
      else await p.keyboard.press('Control+k')
      await p.waitForTimeout(200)
    },
  },
  {
    name: 'contact-met-elsewhere',
    path: async () => '/customers/' + (await meeting()).customer_id,
    wide: true,
    act: async p => {
      await p.locator('.contacts .who', { hasText: '王敏' }).click()
      await p.locator('.met li').waitFor()
      await p.locator('.met li').scrollIntoViewIfNeeded()
      await p.waitForTimeout(400)
    },
  },
  {
    name: 'contact-role',
    path: async () => '/customers/' + (await meeting()).customer_id,
    wide: true,
    act: async p => {
      await p.locator('.contacts .role').click()
      await p.locator('.rf .inp').waitFor()
    },
  },
  { name: 'products', path: () => '/products' },
  {
    name: 'products-categories',
    path: () => '/products',
    wide: true,
    act: async p => {
      await p.locator('.acts .btn').first().click()
      await p.locator('.el-drawer li').first().waitFor()
      await p.waitForTimeout(400)
    },
  },
  { name: 'tasks', path: () => '/tasks' },
  {
    name: 'import-map',
    path: () => '/import',
    act: async p => {
      await p.setInputFiles('input[type=file]', laterFile())
      await p.waitForURL(/import\/\d+/)
      await p.locator('.ft .pri', { hasText: /\d/ }).waitFor()
      await p.locator('.pb .lnk').first().click()
      await p.waitForTimeout(400)
    },
  },
  {
    name: 'import-lines',
    path: () => '/import',
    act: async p => {
      const kind = p.locator('select.inp').first()
      if (await kind.isVisible()) await kind.selectOption('order_line')
      else await p.locator('.seg button').nth(1).click()
      await p.setInputFiles('input[type=file]', linesFile())
      await p.waitForURL(/import\/\d+/)
      await p.locator('.ft .pri', { hasText: /\d/ }).waitFor()
    },
  },
  {
    name: 'import-done',
    path: async () => '/import/' + (await api.get('/imports?limit=20')).items.find(i => i.state === 'done').id,
  },
  { name: 'value', path: () => '/value' },
  {
    name: 'value-table',
    path: () => '/value',
    act: async p => {
      for (const b of await p.locator('.tools .btn[aria-pressed]').all()) await b.click()
    },
    after: async p => {
      for (const b of await p.locator('.tools .btn[aria-pressed]').all()) await b.click()
    },
  },
  {
    // quarters of a year that begins in April
    name: 'value-fiscal',
    path: async () => {
      await api.patch('/company', { fiscal_month: 4 })
      await refreshValues(api)
      return '/value'
    },
    after: async () => {
      await api.patch('/company', { fiscal_month: 1 })
      await refreshValues(api)
    },
  },
  {
    name: 'customer-trend',
    path: async () => '/customers/' + (await valuedFourTimes()),
  },
  {
    name: 'value-bridge-dates',
    path: async () => {
      await valuedFourTimes()
      return '/value'
    },
    act: async p => {
      await p.getByRole('button', { name: /^(任选两天|Two dates)$/ }).click()
      await p.locator('.days .inp').first().scrollIntoViewIfNeeded()
    },
  },
  {
    name: 'export',
    path: () => '/customers',
    act: async p => {
      await p.locator('.bar .rt .btn').last().click()
    },
  },
  {
    name: 'jobs',
    path: () => '/jobs',
    act: async p => {
      const ask = { entity: 'customer', format: 'xlsx', fields: ['name', 'clv'], sort: '-clv' }
      const { job_id } = await api.post('/exports', ask)
      while ((await api.get('/jobs/' + job_id)).state !== 'done') await p.waitForTimeout(100)
      await p.locator('a[download]').first().waitFor()
    },
  },
  {
    name: 'menu',
    path: () => '/jobs',
    act: async p => {
      await p.locator('.avatar').click()
    },
  },
  {
    name: 'search',
    path: () => '/customers',
    act: async p => {
      if ((await p.locator('.top .find').count()) === 0) await p.locator('.top .btn.icon.end').click()
      await p.locator('.find input').click()
      await p.keyboard.type('江都')
      await p.locator('.it b').first().waitFor()
    },
  },
  {
    name: 'search-actions',
    path: () => '/customers',
    act: async p => {
      if ((await p.locator('.top .find').count()) === 0) await p.locator('.top .btn.icon.end').click()
      await p.locator('.find input').click()
      await p.keyboard.type('ex')
      await p.waitForFunction(() => document.querySelector('#search-list')?.ariaBusy === 'false')
      await p.keyboard.press('ArrowDown')
    },
  },
  {
    name: 'keys',
    path: () => '/customers',
    wide: true,
    act: async p => {
      await p.locator('.low button').click()
      await p.locator('.el-dialog').waitFor()
      await p.waitForTimeout(300)
    },
  },
  { name: 'nowhere', path: () => '/no/such/page' },
  {
    name: 'customers-failed',
    path: async () => {
      await page.route('**/api/v1/customers?*', r =>
        r.fulfill({
          status: 422,
          contentType: 'application/problem+json',
          body: JSON.stringify({
            type: '/problems/query-too-slow',
            title: language === 'zh' ? '查询超过 5 秒，已停下。把筛选收窄再试' : 'The query took longer than 5 seconds',
            status: 422,
            code: 'query-too-slow',
            request_id: '104425dfd7-1f',
          }),
        }),
      )
      return '/customers'
    },
    after: () => page.unroute('**/api/v1/customers?*'),
  },
  {
    // the rows are asked for, and not here yet
    name: 'customers-loading',
    path: async () => {
      await page.route('**/api/v1/customers?*', () => {})
      return '/customers'
    },
    unsettled: true,
    act: p => p.locator('tr.ghost').first().waitFor(),
    after: () => page.unroute('**/api/v1/customers?*'),
  },
  { name: 'customer-missing', path: () => '/customers/1' },
  {
    name: 'admin-not-yours',
    path: async () => {
      await page.route('**/api/v1/session', async r => {
        const answer = await r.fetch()
        const session = await answer.json()
        await r.fulfill({ response: answer, json: { ...session, user: { ...session.user, is_admin: false } } })
      })
      return '/admin'
    },
    after: () => page.unroute('**/api/v1/session'),
  },
  {
    name: 'customer-why',
    path: async () => '/customers/' + (await first()).id,
    act: async p => {
      await p.locator('.head .act .btn.icon').nth(2).click()
      await p.locator('.pop dl').waitFor()
    },
  },
  { name: 'account', path: () => '/account' },
  {
    name: 'admin-people',
    path: () => '/admin/people',
    act: async p => {
      await p.locator('.tbl .btn.icon').nth(1).click()
    },
  },
  {
    name: 'admin-people-link',
    path: () => '/admin/people',
    act: async p => {
      await p.locator('.tbl .btn.icon').nth(1).click()
      await p.locator('.menu button').nth(1).click()
      await p.locator('.once').waitFor()
    },
  },
  {
    name: 'admin-people-tokens',
    path: () => '/admin/people',
    act: async p => {
      const row = p.locator('.tbl tr', { hasText: '王芳' })
      await row.locator('.btn.icon').last().click()
      await p.locator('.menu button', { hasText: /^API / }).click()
      await p.locator('.tokens li').nth(1).waitFor()
    },
  },
  { name: 'admin-departments', path: () => '/admin/departments' },
  {
    name: 'admin-roles',
    path: () => '/admin/roles',
    act: async p => {
      await p.locator('.tbl .lnk').first().click()
      await p.locator('.fields').waitFor()
    },
  },
  { name: 'admin-company', path: () => '/admin/company' },
  {
    name: 'admin-rates',
    path: () => '/admin/company',
    act: async p => {
      await p.locator('[data-add=USD]').click()
      await p.keyboard.type('7.31')
      await p.locator('[data-add=EUR]').click()
      await p.locator('.form > footer .pri').click()
      await p.locator('.why').waitFor()
      await p.locator('.paste').click()
      await p.fill('#rates-list', 'USD,2024-03-01,7.1\nUSD,2024-02-30,7.2\nGPB,2024-04-01,9.1\nEUR,2024-04-01')
      await p.locator('.rates').scrollIntoViewIfNeeded()
    },
  },
  { name: 'order-foreign', path: async () => '/orders/' + (await foreign()) },
  {
    name: 'admin-audit',
    path: () => '/admin/audit',
    act: async p => {
      await p.locator('.tbl .lnk').first().click()
    },
  },
]

let language = 'zh'
async function shoot(screen) {
  if (only.length && !only.includes(screen.name)) return
  for (const width of widths)
    for (const lang of languages)
      for (const theme of themes) {
        if ((screen.wide && width < 640) || (half && !inHalf(lang, theme))) continue
        const name = `${screen.name}-${width}-${lang}-${theme}`
        findings.length = 0
        language = lang
        try {
          if (!['before', 'out'].includes(screen.when)) await api.patch('/session', { language: lang, theme })
          else {
            await page.goto(server.url + '/favicon.svg')
            await page.evaluate(
              ([l, th]) => {
                localStorage.setItem('patron.language', l)
                localStorage.setItem('patron.theme', th)
              },
              [lang, theme],
            )
          }
          const height = width < 640 ? 844 : 900
          await page.setViewportSize({ width, height })
          const path = await screen.path()
          if (path.includes('#')) await page.goto('about:blank') // the same page again would not be loaded
          await page.goto(server.url + path)
          if (!screen.unsettled) await settle(page)
          await screen.act?.(page)
          if (!screen.unsettled) await settle(page)
          const floats = await page.locator('.el-overlay:visible, .pop').count()
          const extra = floats
            ? 0
            : await page.evaluate(() => {
                const m = document.querySelector('main .pg > .scroll') ?? document.getElementById('main')
                return m
                  ? Math.max(0, m.scrollHeight - m.clientHeight)
                  : Math.max(0, document.documentElement.scrollHeight - innerHeight)
              })
          if (extra) {
            await page.setViewportSize({
              width,
              height: height + Math.min(extra, 5000),
            })
            await page.waitForTimeout(300)
          }
          await page.screenshot({ path: `${out}/${name}.png` })
          const seen = [...findings, ...(await page.evaluate(inspect, lang))]
          if (inHalf(lang, theme)) seen.push(...(await accessible(page)))
          await screen.after?.(page)
          if (seen.length) count.bad(name, seen.join('\n'))
          else count.ok(name)
        } catch (e) {
          count.bad(name, e.message ?? e)
        }
      }
}

try {
  if (server.setup) {
    for (const s of screens.filter(s => s.when === 'before')) await shoot(s)
    await setUp(api, server.setup)
    for (const s of screens.filter(s => s.when === 'empty')) await shoot(s)
    await fillWithSample(api)
    assistant = await ringing(api, server.url)
    for (const [name, days] of [
      ['夜间对账', null],
      ['给财务的月报：应收与回款，每月初一次', 90],
    ])
      await assistant.post('/tokens', { name, ...(days && { expires_at: Date.now() + days * 864e5 }) })
    await files(api)
    await labels(api)
    await staff(api)
  } else {
    await signIn(api)
    for (const s of screens.filter(s => s.when === 'before')) count.skip(s.name, 'the server is set up already')
    for (const s of screens.filter(s => s.when === 'empty')) await shoot(s)
  }
  for (const s of screens.filter(s => !s.when)) await shoot(s)
  const invited = (await api.get('/users?login=chen&fields=id')).items[0]
  if (invited) welcome = (await api.post(`/users/${invited.id}/invite`)).token
  await api.call('DELETE', '/session')
  for (const s of screens.filter(s => s.when === 'out')) await shoot(s)
  writeFileSync(
    `${out}/index.html`,
    `<!doctype html><meta charset="utf-8"><title>Screens</title>${screens.map(s => `<h2>${s.name}</h2>` + widths.flatMap(w => languages.flatMap(l => themes.map(t => `<img loading="lazy" height="420" src="${s.name}-${w}-${l}-${t}.png">`))).join(' ')).join('\n')}\n`,
  )
} catch (e) {
  count.bad('preparation', e.stack ?? e)
} finally {
  await browser.close()
  await server.close()
}
count.end()
