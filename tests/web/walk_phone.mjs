// What is done on a phone: one thing at least of each part of the house, at 390 pixels, on a server that starts empty
// and is filled by the button on its first page. Each step asserts what a person would see, or what is stored then.
import { readFileSync } from 'node:fs'
import { client, refreshValues, setUp, text } from './prepare.mjs'
import { root, stepper, watchPage } from './lib.mjs'

const csv = (name, rows) => ({
  name,
  mimeType: 'text/csv',
  buffer: Buffer.from(rows.join('\r\n') + '\r\n'),
})

export async function walkPhone(server, browser, lang, count) {
  const t = text(lang, root)
  const findings = []
  const page = await browser.context.newPage()
  await watchPage(page, findings)
  page.setDefaultTimeout(15_000)
  await page.setViewportSize({ width: 390, height: 844 })
  const api = client(browser.context, server.url)
  const step = stepper(page, findings, lang + ' phone:', count)
  const button = (name, within = page) => within.getByRole('button', { name, exact: true })
  const search = async typed => {
    await button(t('search.label')).click()
    await page.locator('.searchwrap input').fill(typed)
  }
  const tab = part => page.getByRole('tab', { name: t('customer.tab.' + part) }).click()
  const opened = () => page.locator('.el-drawer__footer .pri')

  await setUp(api, server.setup)
  await api.patch('/session', { language: lang, theme: 'light' })

  await step('an empty first page is filled by its button', async () => {
    await page.goto(server.url + '/')
    await page.getByText(t('home.bare')).waitFor()
    await button(t('customers.empty-demo')).click()
    await page.waitForURL('**/jobs')
    await page.getByText(t('jobs.kind.demo')).first().waitFor()
    for (let i = 0; ; i++) {
      const { items } = await api.get('/jobs?limit=9')
      if (items.length > 1 && items.every(j => j.state === 'done')) break
      if (i > 400 || items.some(j => j.state === 'failed')) throw new Error(JSON.stringify(items).slice(0, 400))
      await page.waitForTimeout(150)
    }
    await page.goto(server.url + '/?of=all')
    await page.locator('.home .row').first().waitFor()
    for (const reason of await page.locator('.home .w .xs').allTextContents())
      if (!/\d/.test(reason)) throw new Error('a customer without a reason: ' + reason)
  })

  const name = '宁波甬江泵阀有限公司'
  let home = ''
  await step('a customer and somebody to call there are written', async () => {
    await page.goto(server.url + '/customers')
    await page.locator('.acts .pri').click()
    await page.fill('#f-name', name)
    await opened().click()
    await page.waitForURL(/customers\/\d+/)
    home = page.url()
    await tab('contacts')
    await page.locator('.contacts .adds button').last().click()
    await page.fill('#f-name', '李国栋')
    await page.fill('#f-phone', '13800138000')
    await opened().click()
    await page.locator('.contacts li a[href="tel:13800138000"]').waitFor()
  })
  await step('an order is begun in the list and written line by line', async () => {
    await page.goto(server.url + '/orders')
    await page.locator('.acts .pri').click()
    await page.waitForURL('**/orders/new')
    await page.locator('#f-customer_id').fill('甬江')
    await page.locator('.el-select-dropdown__item:visible', { hasText: name }).click()
    await page.fill('#line-0-description', 'FREIGHT')
    await page.fill('#line-0-quantity', '4')
    await page.fill('#line-0-price', '12.5')
    await page.locator('.lines .all', { hasText: '50.00' }).waitFor()
    await page.locator('.savebar .pri').click()
    await page.waitForURL(/orders\/\d+/)
    await page.locator('.worth', { hasText: '50.00' }).waitFor()
  })

  await step('a file of contacts is imported', async () => {
    await page.goto(server.url + '/import')
    await page.locator('.sec .sel select').selectOption('contact')
    await api.patch('/customers/' + home.split('/').pop(), { ext_id: 'YJ-1' })
    const rows = ['姓名,客户编号,电话', '孙悦,YJ-1,13911112222', '欧阳若溪,YJ-1,13911113333']
    await page.setInputFiles('input[type=file]', csv('contacts.csv', rows))
    await page.waitForURL(/import\/\d+/)
    await page.locator('.ft .pri', { hasText: /\b2\b/ }).click()
    await page.getByText(t('imports.head.done')).first().waitFor()
    await page.goto(home)
    await tab('contacts')
    await page.locator('.contacts li', { hasText: '孙悦' }).waitFor()
  })
  await step('everything that matches goes to the trash, and comes back from the list of jobs', async () => {
    await page.goto(server.url + '/customers?f=' + encodeURIComponent('[{"field":"kind","op":"eq","value":"person"}]'))
    const count = async () => (await api.get('/customers?kind=person&limit=1&count=exact')).count.value
    const n = await count()
    if (!n) throw new Error('nobody to throw away')
    await button(t('bulk.all.choose-phone')).click()
    await page.locator('.bulk .cnt', { hasText: n.toLocaleString('en') }).waitFor()
    await page
      .locator('.bulk button')
      .filter({ hasText: n.toLocaleString('en') })
      .click()
    await page.locator('.bulkdlg .danger').click()
    await page.locator('.bulkdlg .sum').waitFor()
    await button(t('bulk.all.close')).click()
    if (await count()) throw new Error('some are left')
    await page.goto(server.url + '/jobs')
    await button(t('jobs.details')).first().click()
    await button(t('bulk.all.undo')).click()
    await page.locator('.bulkdlg .sum', { hasText: n.toLocaleString('en') }).waitFor()
    await button(t('bulk.all.close')).click()
    if ((await count()) !== n) throw new Error('not all came back')
  })
  await step('the list of contacts is taken along as a file', async () => {
    await page.goto(server.url + '/contacts')
    await button(t('export.title')).click()
    await page.getByText(t('export.format.csv'), { exact: true }).click()
    const offer = button(t('export.download'), page.locator('.toast'))
    const [file] = await Promise.all([page.waitForEvent('download'), offer.click()])
    if (!readFileSync(await file.path(), 'utf8').includes('13911113333')) throw new Error('the contact is not in it')
  })

  await step('a customer is found in the other characters, and with a slip', async () => {
    for (const typed of ['寧波甬江泵閥', '宁波永江泵阀', 'nbyj']) {
      await page.goto(server.url + '/customers')
      await search(typed)
      await page.locator('.it', { hasText: name }).first().click()
      await page.waitForURL(home)
    }
  })
  await step('the palette changes the light, goes to the roles, and knows what was open', async () => {
    await search('dark')
    await page.locator('.it', { hasText: t('search.act.dark') }).click()
    await page.locator('html.dark').waitFor()
    // by key, too: a phone may have a keyboard, and so has a narrow window
    await page.keyboard.press('Control+k')
    await page.locator('.searchwrap input:focus').fill('light')
    await page.locator('.it', { hasText: t('search.act.light') }).click()
    await page.locator('html:not(.dark)').waitFor()
    await search('欧阳若溪')
    await page.locator('.it', { hasText: '欧阳若溪' }).first().click()
    await page.locator('.el-drawer').waitFor()
    await page.goto(server.url + '/')
    await search('')
    await page.locator('.it', { hasText: '欧阳若溪' }).waitFor()
    await page.locator('.searchwrap input').fill('roles')
    await page.locator('.it', { hasText: t('admin.places.roles') }).click()
    await page.waitForURL('**/admin/roles')
  })

  await step('a role is made that hides a number', async () => {
    await button(t('admin.roles.add')).first().click()
    await page.locator('#role-name').fill('Readers')
    const row = page.locator('.tbl tbody tr').first()
    await row.locator('select').first().selectOption('all')
    await row.locator('.lnk').click()
    await page.locator('#level-customer-phone').selectOption('mask')
    await page.locator('footer .pri').click()
    await page.locator('.toast', { hasText: 'Readers' }).waitFor()
    const [role] = (await api.get('/roles')).items.filter(r => r.name === 'Readers')
    if (role?.permissions.customer.fields.phone !== 'mask') throw new Error(JSON.stringify(role))
  })
  await step('the fiscal year begins in April, by the settings of the company', async () => {
    await page.goto(server.url + '/admin/company')
    await page.selectOption('#company-fiscal', '4')
    await page.locator('footer .pri').click()
    await page.locator('.toast', { hasText: t('admin.company.saved') }).waitFor()
    if ((await api.get('/company')).fiscal_month !== 4) throw new Error('it was not kept')
  })
  await step('a currency gets a rate, and another one from today', async () => {
    await page.locator('.sel.add select').selectOption('USD')
    await page.keyboard.type('6.9')
    await page.locator('[data-add=USD]').click()
    await page.keyboard.type('7.1')
    await page.locator('footer .pri').click()
    await page.locator('.progress .done').waitFor()
    const { USD } = (await api.get('/company')).rates
    const kept = USD.map(r => `${r.from ? 'day' : 'always'} ${r.rate}`).join()
    if (kept !== 'always 6.9,day 7.1') throw new Error(JSON.stringify(USD))
  })
  await step('a record says why one sees it', async () => {
    await page.goto(home)
    await button(t('why.title')).click()
    await page.locator('.why dl').waitFor()
    await page.keyboard.press('Escape')
  })

  await step('a segment leads to its customers; cohorts show money', async () => {
    await page.goto(server.url + '/value')
    const cohorts = page.locator('.fg', { hasText: t('cohort.title') })
    await cohorts.locator('canvas').first().waitFor()
    await cohorts.getByRole('button', { name: t('customers.revenue') }).click()
    await cohorts
      .locator('[aria-pressed=true]', {
        hasText: t('customers.revenue'),
      })
      .waitFor()
    await page.locator('.sg tbody a').first().click()
    await page.waitForURL(/customers\?f=/)
    await page.locator('tbody tr:not(.gap)').first().waitFor()
  })
  await step('a customer shows how its value went', async () => {
    await refreshValues(api, null, {
      as_of: (await api.get('/value/overview')).bridges[0].before.date,
    })
    await refreshValues(api, null)
    const [best] = (await api.get('/customers?limit=1&sort=-clv&fields=id')).items
    await page.goto(server.url + '/customers/' + best.id)
    await page.locator('svg.trend .dot').nth(1).waitFor()
  })

  await step('a task is put off from the first page, and taken back', async () => {
    await page.goto(server.url + '/?of=all')
    const row = page.locator('.home .row').first()
    const whose = page.locator('.home .row', { hasText: (await row.locator('.who').textContent()).trim() }).first()
    await button(t('home.move'), row).click()
    await page.getByRole('button', { name: t('home.to.week') }).click()
    await whose.waitFor({ state: 'detached' })
    await page.locator('.toast .act').click()
    await whose.waitFor()
  })
  await step('a note is written from the first page', async () => {
    await page
      .locator('.home .row.open')
      .getByRole('link', { name: t('home.note') })
      .click()
    await page.waitForURL(/customers\/\d+/)
    await page.fill('#note-body', '电话里说下周来看样品')
    await button(t('notes.save')).click()
    await page.locator('.notes li', { hasText: '下周来看样品' }).waitFor()
  })
  await page.close()
}
