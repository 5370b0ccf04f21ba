// Files in and out: a workbook of order lines imported, its mapping remembered, a list and the value table exported.
// Goes on where the main walk ends: set up, signed in, with customers and values.
import { readFileSync } from 'node:fs'
import { root, stepper, watchPage } from './lib.mjs'
import { client, text } from './prepare.mjs'
import { linesFile } from './workbook.mjs'

export async function walkFiles(server, browser, lang, count) {
  const t = text(lang, root)
  const findings = []
  const page = await browser.context.newPage()
  await watchPage(page, findings)
  page.setDefaultTimeout(15_000)
  const api = client(browser.context, server.url)
  const step = stepper(page, findings, lang, count)
  const see = what => page.getByText(what).first().waitFor()
  const send = async () => {
    await page.goto(server.url + '/import')
    await page
      .getByRole('button', {
        name: t('imports.kind.order_line.name'),
        exact: true,
      })
      .click()
    await page.setInputFiles('input[type=file]', linesFile())
    await page.waitForURL(/import\/\d+/)
    await page.locator('.ft .pri', { hasText: /\d/ }).waitFor()
  }

  await step('a workbook of order lines is read, another sheet chosen, and imported', async () => {
    await send()
    if ((await page.locator('#i-sheet').inputValue()) !== '1')
      throw new Error('the first sheet with rows is the second')
    await page.selectOption('#i-sheet', '2')
    await page.locator('.ft .pri', { hasText: /\b2\b/ }).waitFor()
    await page.selectOption('#i-sheet', '1')
    await page.locator('.ft .pri', { hasText: /57/ }).waitFor()
    await page.locator('.ft .pri').click()
    await see(t('imports.head.done'))
    await see(t('imports.kind.order_line.line'))
  })
  await step('the same kind of file is mapped as before, until that is forgotten', async () => {
    await send().catch(() => undefined)
    await see(t('imports.remembered'))
    await page.getByRole('button', { name: t('imports.forget') }).click()
    await page.getByText(t('imports.remembered')).waitFor({ state: 'detached' })
  })
  const csv = (name, buffer) => ({ name, mimeType: 'text/csv', buffer })
  const chosen = async (kind, file) => {
    await page.goto(server.url + '/import')
    await page
      .getByRole('button', {
        name: t(`imports.kind.${kind}.name`),
        exact: true,
      })
      .click()
    await page.setInputFiles('input[type=file]', file)
    await page.waitForURL(/import\/\d+/)
  }
  const run = async () => {
    await page.locator('.ft .pri', { hasText: /\b2\b/ }).click()
    await see(t('imports.head.done'))
  }
  await step('a file without customer numbers is mapped by hand, and stays as it was mapped', async () => {
    const rows = ['客户,日期,金额', '苏州展新模具厂,2026-05-03,"1,200.50"', '苏州展新模具厂,2026-05-09,88']
    await page.goto(server.url + '/import')
    await page.setInputFiles('input[type=file]', csv('展会订单.csv', Buffer.from(rows.join('\n') + '\n')))
    await page.waitForURL(/import\/\d+/)
    await see(t('imports.missing-customer'))
    const field = page.locator('.mp tbody tr').first().locator('.el-select')
    await field.click()
    await page.locator('.el-select-dropdown__item:visible', { hasText: /外部编号|External id/ }).click()
    await page.locator('.ft .pri', { hasText: '2' }).waitFor()
    await page.reload()
    await page.locator('.ft .pri', { hasText: '2' }).waitFor()
    await field.getByText(/外部编号|External id/).waitFor()
    await page.locator('.ft .pri').click()
    await see(t('imports.head.done'))
    const { items } = await api.get('/customers?fields=name,orders_count&name=' + encodeURIComponent('苏州展新模具厂'))
    if (items.length !== 1 || items[0].orders_count !== 2) throw new Error(JSON.stringify(items))
  })
  await step('products are imported, and stand in the list', async () => {
    const rows = ['产品名称,产品编码,标价', '铰刀 H7,RM-0700,118.00', '螺纹铣刀,TM-1200,264.50']
    await chosen('product', csv('products.csv', Buffer.from(rows.join('\n') + '\n')))
    await run()
    await page.goto(server.url + '/products')
    await page.locator('tbody tr', { hasText: '螺纹铣刀' }).waitFor()
  })
  await step('contacts are imported from a file whose encoding is chosen', async () => {
    // UTF-16 without its mark, which cannot be told from other files by its beginning
    const rows = ['姓名,客户编号,电话', '钱进,L-1,13922220001', '吴越,L-1,13922220002']
    await chosen('contact', csv('utf16.csv', Buffer.from(rows.join('\r\n') + '\r\n', 'utf16le')))
    await page.selectOption('#i-enc', 'UTF-16LE')
    await page.locator('.mp tbody', { hasText: '姓名' }).waitFor()
    await run()
    await page.goto(server.url + '/contacts')
    await page.locator('tbody tr', { hasText: '钱进' }).first().waitFor()
  })
  const fetched = async click => {
    const [file] = await Promise.all([page.waitForEvent('download'), click()])
    return readFileSync(await file.path())
  }
  await step('the list of orders is exported, and offered when it is there', async () => {
    await page.goto(server.url + '/orders')
    await page.getByRole('button', { name: t('export.title'), exact: true }).click()
    await page.getByText(t('export.format.csv'), { exact: true }).click()
    const offer = page.locator('.toast').getByRole('button', { name: t('export.download') })
    const csv = (await fetched(() => offer.click())).toString()
    if (!csv.startsWith('\ufeff') || !csv.includes('XL-7')) throw new Error(csv.slice(0, 200))
  })
  await step('the values of all customers wait under jobs', async () => {
    await page.goto(server.url + '/value')
    await page.getByRole('button', { name: t('export.title'), exact: true }).click()
    await page.getByText(t('export.format.xlsx'), { exact: true }).click()
    await page
      .locator('.toast')
      .getByRole('button', { name: t('export.download') })
      .waitFor()
    await page.goto(server.url + '/jobs')
    const book = await fetched(() => page.locator('a[download]').first().click())
    if (book.subarray(0, 2).toString() !== 'PK' || book.length < 3000) throw new Error('no workbook')
  })
  await step('the audit is taken out in words, narrowed as it is looked at', async () => {
    await page.goto(server.url + '/admin/audit')
    await page.locator('#audit-what').selectOption('order')
    await page.locator('tbody tr').first().waitFor()
    await page.getByRole('button', { name: t('export.title'), exact: true }).click()
    await page.getByText(t('export.format.csv'), { exact: true }).click()
    const offer = page.locator('.toast').getByRole('button', { name: t('export.download') })
    const rows = (await fetched(() => offer.click())).toString().trim().split('\r\n')
    const of = { en: ',Order,', zh: ',订单,' }[lang]
    if (rows.length < 2 || rows.slice(1).some(r => !r.includes(of))) throw new Error(rows.slice(0, 3).join('\n'))
  })
  await page.close()
}
