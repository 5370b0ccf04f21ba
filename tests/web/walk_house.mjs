// The house itself, on a wide page: how a customer is found, the keys, who belongs where, tokens and sessions, the
// settings of the company, and how a customer's value went. Goes on where the files ended.
import { admin, client, refreshValues, text } from './prepare.mjs'
import { openBrowser, root, stepper, watchPage } from './lib.mjs'

export async function walkHouse(server, browser, lang, count) {
  const t = text(lang, root)
  const findings = []
  const page = await browser.context.newPage()
  await watchPage(page, findings)
  page.setDefaultTimeout(15_000)
  const api = client(browser.context, server.url)
  const step = stepper(page, findings, lang, count)
  const mod = 'Control'
  const item = text => page.locator('.it', { hasText: text }).first()
  const button = (name, within = page) => within.getByRole('button', { name, exact: true })

  await step('a customer is found in traditional characters, by sound, and with a slip', async () => {
    for (const [name, ...ways] of [
      ['苏州晴川轴承有限公司', '蘇州晴川軸承', '苏州情川轴承'],
      ['Meridian Bearings', 'meridain'],
    ]) {
      const { id } = await api.post('/customers', { name })
      for (const typed of ways) {
        await page.goto(server.url + '/orders')
        await page.locator('#main h1').first().waitFor() // the keys are heard once the house stands
        await page.keyboard.press(`${mod}+k`)
        await page.keyboard.type(typed)
        await item(name).click()
        await page.waitForURL('**/customers/' + id)
      }
    }
  })
  await step('Enter before the answer takes the first of the answer; what is late is not waited for', async () => {
    const name = '昆山沪玉密封件有限公司'
    const { id } = await api.post('/customers', { name })
    const late = '**/api/v1/search?*'
    await page.route(late, async r => {
      await new Promise(done => setTimeout(done, 600))
      await r.continue()
    })
    await page.goto(server.url + '/orders')
    await page.locator('#main h1').first().waitFor()
    await page.keyboard.press(`${mod}+k`)
    await page.keyboard.type('沪玉密封件')
    await page.keyboard.press('Enter')
    await page.waitForURL('**/customers/' + id)
    await page.keyboard.press(`${mod}+k`)
    await page.keyboard.type('juese')
    await page.locator('#search-list[aria-busy=true] .it.on', { hasText: t('admin.places.roles') }).waitFor()
    await page.unroute(late, { behavior: 'wait' })
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
  })
  await step('N writes a new one in every list', async () => {
    for (const [path, shown] of [
      ['/contacts', '.el-drawer #f-name'],
      ['/products', '.el-drawer #f-name'],
      ['/orders', '.newhead'],
      ['/tasks', '#quick-task:focus'],
      ['/admin/people', '.el-drawer #f-name'],
      ['/admin/departments', '.el-drawer #f-name'],
      ['/admin/tags', '#new-tag:focus'],
    ]) {
      await page.goto(server.url + path)
      await page.locator('#main h1').first().waitFor()
      await page.waitForFunction(() => !document.querySelector('.wait, .again'))
      await page.waitForTimeout(250) // what may be done here is known with the list
      await page.keyboard.press('n')
      await page.locator(shown).waitFor()
    }
  })
  await step('the palette goes to administration, takes the list along, and changes light and language', async () => {
    const other = lang === 'zh' ? 'en' : 'zh'
    const ask = async (typed, label) => {
      await page.keyboard.press(`${mod}+k`)
      await page.keyboard.type(typed)
      await item(label).waitFor()
      await page.waitForFunction(() => document.querySelector('#search-list')?.ariaBusy !== 'true')
      await item(label).click()
    }
    await page.goto(server.url + '/products')
    await page.locator('tbody tr:not(.gap)').first().waitFor()
    await ask('export', t('search.act.csv'))
    await button(t('export.download'), page.locator('.toast')).waitFor()
    for (const [typed, place, path] of [
      ['audit', 'audit', 'audit'],
      ['juese', 'roles', 'roles'],
      ['tags', 'tags', 'tags'],
    ]) {
      await ask(typed, t('admin.places.' + place))
      await page.waitForURL('**/admin/' + path)
    }
    await ask('dark', t('search.act.dark'))
    await page.locator('html.dark').waitFor()
    await ask('theme', t('search.act.light'))
    await page.locator('html:not(.dark)').waitFor()
    await ask(other === 'en' ? 'yingwen' : 'chinese', t('search.act.' + other))
    await page
      .getByRole('heading', {
        name: text(other, root)('admin.title'),
      })
      .waitFor()
    await ask('language', text(other, root)('search.act.' + lang))
    await page.getByRole('heading', { name: t('admin.title') }).waitFor()
  })

  await step('a department stands below another, and is taken back', async () => {
    await page.goto(server.url + '/admin/departments')
    for (const name of ['销售部', '华东组']) {
      if (name === '销售部') await page.locator('.bar .pri').click()
      else await button(t('admin.departments.below', { name: '销售部' })).click()
      await page.fill('#f-name', name)
      await page.locator('.el-drawer__footer .pri').click()
      await page.locator('.tbl tr', { hasText: name }).waitFor()
      await page.locator('.el-drawer').waitFor({ state: 'hidden' })
    }
    const row = page.locator('.tbl tr', { hasText: '华东组' })
    await row.locator('.branch').waitFor()
    await button(t('admin.departments.remove', { name: '华东组' })).click()
    await row.waitFor({ state: 'detached' })
    await page.locator('.toast .act').click()
    await row.locator('.branch').waitFor()
  })
  await step('a token is made, works, and is ended', async () => {
    await page.goto(server.url + '/account')
    await page.fill('#token-name', 'nightly')
    await page.locator('.new button[type=submit]').click()
    const secret = await page.locator('#token-secret').inputValue()
    const ask = () =>
      fetch(server.url + '/api/v1/session', {
        headers: { Authorization: 'Bearer ' + secret },
      })
    if ((await ask()).status !== 200) throw new Error('the token does not work')
    await button(t('account.revoke'), page.locator('tr', { hasText: 'nightly' })).click()
    await page.locator('tr', { hasText: 'nightly' }).waitFor({ state: 'detached' })
    if ((await ask()).status !== 401) throw new Error('the token works still')
  })
  await step('a session elsewhere is seen and ended', async () => {
    const elsewhere = await openBrowser()
    try {
      const there = client(elsewhere.context, server.url)
      await there.post('/session', {
        login: admin.login,
        password: admin.password,
      })
      await page.reload()
      const rows = page.locator('.sec', { hasText: t('account.sessions') }).locator('tbody tr')
      await rows.nth(1).waitFor()
      await button(t('account.end'), page.locator('.sec', { hasText: t('account.sessions') }))
        .first()
        .click()
      await page.locator('.toast', { hasText: t('account.ended') }).waitFor()
      if ((await there.call('GET', '/customers?limit=1')).status !== 401) throw new Error('still signed in there')
    } finally {
      await elsewhere.close()
    }
  })
  await step('the company has a rate, a fiscal year and a time zone; a rate without a number is named', async () => {
    await page.goto(server.url + '/admin/company')
    await page.selectOption('#company-fiscal', '4')
    await page.fill('#company-zone', 'Asia/Tokyo')
    await page.locator('.sel.add select').selectOption('USD')
    await page.locator('footer .pri').click()
    await page.locator('.why [role=alert]', { hasText: t('admin.rates.wrong-number') }).waitFor()
    await page.locator('.rates input.fig').last().fill('7.12')
    await page.locator('footer .pri').click()
    await page.locator('.toast', { hasText: t('admin.company.saved') }).waitFor()
    const c = await api.get('/company')
    const kept = [JSON.stringify(c.rates.USD), c.fiscal_month, c.time_zone].join(' ')
    if (kept !== '[{"from":null,"rate":7.12}] 4 Asia/Tokyo') throw new Error(kept)
    await api.patch('/company', { time_zone: 'Asia/Shanghai' })
  })

  await step(
    'a list of rates is pasted, a wrong line is named; the orders of its days are converted anew',
    async () => {
      const { id: customer_id } = await api.post('/customers', { name: '外币客户' })
      const amount = { amount: '100.00', currency: 'USD' }
      const { id } = await api.post('/orders', { customer_id, ordered_on: '2024-03-15', amount })
      const worth = text => page.locator('.worth .rate', { hasText: text }).waitFor()
      await page.goto(server.url + '/orders/' + id)
      await worth('712.00')
      await page.goto(server.url + '/admin/company')
      await page.locator('.paste').click()
      const list = day => `currency,from,rate\nUSD,2024-03-01,7.2\nUSD,${day},7.3\nEUR,2024-01,7.8`
      await page.fill('#rates-list', list('2025-13-01'))
      const why = t('admin.rates.line', { n: 3, why: t('admin.rates.fault.day') })
      await page.locator('.faults', { hasText: why }).waitFor()
      if (await page.locator('.take').isEnabled()) throw new Error('a list with a wrong line can be taken')
      await page.fill('#rates-list', list('2025-01-01'))
      await page.locator('.take').click()
      await page.locator('.effect', { hasText: 'USD' }).waitFor()
      await page.locator('footer .pri').click()
      await page.locator('.progress .done').waitFor()
      await page.goto(server.url + '/orders/' + id)
      await worth('720.00')
      await worth('2024-03-01')
      await api.del('/customers/' + customer_id)
    },
  )

  await step('a customer shows how its value went from one valuation to the next', async () => {
    await refreshValues(api, null, {
      as_of: '2026-03-31',
      model: 'bg-nbd',
    })
    await refreshValues(api, null, { model: 'bg-nbd' })
    const [best] = (await api.get('/customers?limit=1&sort=-clv&fields=id')).items
    await page.goto(server.url + '/customers/' + best.id)
    await page.locator('svg.trend .dot').nth(1).waitFor()
    const said = await page.locator('svg.trend').getAttribute('aria-label')
    if (!/\d/.test(said)) throw new Error('no figure in: ' + said)
  })
  await page.close()
}
