// Working together, in a browser, on a server that the main walk has filled: the bell, tags, favourites, files, a
// checklist and a reminder, on a wide page and on a phone. Each step asserts what a person would see.
import { client, colleague, pdf, picture, text } from './prepare.mjs'
import { root, settle, stepper, watchPage } from './lib.mjs'

export async function walkTogether(server, browser, lang, count) {
  const t = text(lang, root)
  const findings = []
  const page = await browser.context.newPage()
  await watchPage(page, findings)
  page.setDefaultTimeout(15_000)
  const api = client(browser.context, server.url)
  const step = stepper(page, findings, lang, count)
  await api.patch('/session', { language: lang, theme: 'light' })
  const me = (await api.get('/session')).user
  const [customer, next] = (await api.get('/customers?limit=2&sort=-clv&fields=id,name')).items
  const other = await colleague(api, server.url)
  const home = server.url + '/customers/' + customer.id,
    second = server.url + '/customers/' + next.id
  const mod = 'Control'
  const wide = () => page.setViewportSize({ width: 1440, height: 900 })
  const phone = () => page.setViewportSize({ width: 390, height: 844 })

  await step('the bell rings when a colleague names me, and leads there', async () => {
    await wide()
    await page.goto(server.url + '/tasks')
    await settle(page)
    await other.post('/notes', {
      customer_id: customer.id,
      body: `@${me.name} 周五前回复`,
    })
    await page.locator('.bell em').waitFor()
    await page.locator('.bell').click()
    const first = page.locator('.rings li').first()
    await first.getByText(other.name).waitFor()
    await page.keyboard.press('ArrowDown')
    await first.locator('button').click()
    await page.waitForURL('**/customers/' + customer.id)
  })
  await step('a note names a colleague whose name is picked by keyboard', async () => {
    await page.goto(home)
    await page.locator('.notes header .lnk').click()
    await page.locator('#note-body').pressSequentially('请 @' + other.name.slice(0, 1))
    await page.locator('.notes [role=option]', { hasText: other.name }).waitFor()
    await page.keyboard.press('Enter')
    await page.keyboard.type('看一下')
    await page.keyboard.press(`${mod}+Enter`)
    await page.locator('.notes li', { hasText: '看一下' }).waitFor()
    const told = (await other.get('/notifications')).items.filter(n => n.kind === 'mention')
    if (!told.some(n => n.record_id)) throw new Error('nobody was told')
  })
  await step('a note has lists in lists, a table and marks, and nothing of it is HTML', async () => {
    const body = [
      '试刀结果：*比上次好*，~~D12~~ **D10**，`S=4500`，*ok*',
      '- 五轴机床',
      '  1. 粗加工',
      '  2. 精加工',
      '- [x] 样品已寄',
      '---',
      '| 刀具 | 寿命（件） | <b>备注</b> |',
      '|:-----|----:|:---:|',
      '| 立铣刀 10*20*30 | 1280 | 磨损 <img src=x onerror=alert(1)> |',
    ].join('\n')
    await api.post('/notes', { customer_id: customer.id, body })
    await page.goto(home)
    const note = page
      .locator('.notes li .md')
      .filter({ has: page.locator('table') })
      .first()
    await note.locator('td.right', { hasText: '1280' }).waitFor()
    for (const one of ['em.dotted', 'em.italic', 's', 'b.bold', 'ul > li > ol > li', 'li.box', 'hr', 'th.center'])
      await note.locator(one).first().waitFor()
    if (await note.locator('img, th b').count()) throw new Error('HTML of a note was drawn')
    await note.getByText('<img src=x onerror=alert(1)>').waitFor()
    await note.getByText('10*20*30').waitFor()
  })
  await step('a note is written with an order and with a contact, and the customer shows where', async () => {
    const order = await api.post('/orders', {
      customer_id: customer.id,
      ordered_on: '2026-11-21',
      number: 'N-77-' + lang,
      amount: { amount: '860.00', currency: 'CNY' },
    })
    const contact = await api.post('/contacts', { name: '钱进 ' + lang, customer_id: customer.id })
    const write = async (within, body) => {
      await within.locator('.notes header .lnk').click()
      await within.locator('.notes textarea').fill(body)
      await page.keyboard.press(`${mod}+Enter`)
      await within.locator('.notes li', { hasText: body }).waitFor()
    }
    await page.goto(server.url + '/orders/' + order.id)
    await write(page.locator('#main'), '发货前打电话')
    await page.goto(server.url + '/contacts?open=' + contact.id)
    await page.locator('#f-title').waitFor()
    await write(page.locator('.el-drawer'), '只在上午接电话')
    await page.locator('.el-drawer #f-title').waitFor() // its keys are not those of the drawer
    await page.goto(home)
    const note = body => page.locator('.notes li', { hasText: body })
    await note('只在上午接电话').locator('.where', { hasText: contact.name }).waitFor()
    await page.locator('.tl .ev', { hasText: '发货前打电话' }).locator('.origin', { hasText: 'N-77' }).waitFor()
    await note('发货前打电话').locator('.where', { hasText: 'N-77' }).click()
    await page.waitForURL('**/orders/' + order.id)
    await note('发货前打电话').waitFor()
    if (await note('只在上午接电话').count()) throw new Error('the note of a contact stands with an order')
  })
  await step('a customer is followed, and no longer', async () => {
    // whoever owns a record follows it anyhow
    const theirs = await api.post('/customers', { name: '绍兴远帆五金', owner_id: other.id })
    await page.goto(server.url + '/customers/' + theirs.id)
    const follow = page.getByRole('button', { name: t('follow.do') })
    await follow.click()
    await page.getByRole('button', { name: t('follow.stop') }).click()
    await follow.waitFor()
    const { following } = await api.get(`/customers/${theirs.id}/followers`)
    if (following) throw new Error('still followed')
  })
  await step('somebody of one customer is met at another, in a role', async () => {
    const contact = await api.post('/contacts', {
      name: '王敏 ' + lang,
      customer_id: customer.id,
    })
    await page.goto(second)
    await page.locator('.contacts .adds button').first().click()
    await page.locator('.lf input').first().click()
    await page.locator('.lf input').first().pressSequentially('王敏')
    await page
      .locator('.el-select-dropdown__item:visible', {
        hasText: contact.name,
      })
      .click()
    await page.locator('.lf .inp').last().fill('技术顾问')
    await page.locator('.lf button[type=submit]').click()
    const row = page.locator('.contacts li', { hasText: contact.name })
    await row.getByText('技术顾问').waitFor()
    await row.getByRole('link', { name: customer.name }).waitFor()
    await row
      .getByRole('button', {
        name: t('contacts.unlink', { name: contact.name }),
      })
      .click()
    await row.waitFor({ state: 'detached' })
    await page.locator('.toast .act').click()
    await row.waitFor()
  })
  await step('a tag is made by keyboard, and the list is filtered by it', async () => {
    await page.goto(home)
    await page.locator('.ttl .add').click()
    await page.locator('#record-tags').fill('年框')
    await page.keyboard.press('Enter')
    await page.locator('.ttl .tag', { hasText: '年框' }).waitFor()
    await page.keyboard.press('Escape')
    const [tag] = (await api.get('/tags?fields=name')).items
    await page.goto(
      server.url + '/customers?f=' + encodeURIComponent(JSON.stringify([{ field: 'tags', op: 'in', value: [tag.id] }])),
    )
    await page.locator('.chip', { hasText: '年框' }).waitFor()
    await page.locator('tbody', { hasText: customer.name }).waitFor()
    if ((await page.locator('tbody tr:not(.gap)').count()) !== 1) throw new Error('not one row')
  })
  await step('a star makes a favourite, with a view of its own', async () => {
    await api.call('DELETE', `/customers/${customer.id}/favourite`)
    await page.goto(home)
    await page.locator('.head .star').click()
    await page.locator('.head .star[aria-pressed=true]').waitFor()
    await page.goto(server.url + '/customers?view=mine')
    await page.getByRole('tab', { name: t('favourites.title'), selected: true }).waitFor()
    await page.locator('tbody', { hasText: customer.name }).waitFor()
  })
  await step('a file is attached, looked at, taken off and brought back', async () => {
    await page.goto(home)
    const input = page.locator('.files input[type=file]').first()
    await input.setInputFiles([
      {
        name: '现场.png',
        mimeType: 'image/png',
        buffer: picture(200, 150, 0.8),
      },
    ])
    await page.locator('.files .tiles button').first().click()
    await page.locator('.preview .stage img').waitFor()
    await page.locator('.preview').getByText(t('files.take-off')).click()
    await page.locator('.preview').waitFor({ state: 'hidden' })
    await page
      .locator('.toast')
      .getByRole('button', { name: t('do.undo') })
      .click()
    await page.locator('.files .tiles button').first().waitFor()
    await input.setInputFiles([
      {
        name: 'setup.exe',
        mimeType: 'image/png',
        buffer: Buffer.from('MZ\x90\0\x03'),
      },
    ])
    await page.locator('.files .bad', { hasText: 'setup.exe' }).waitFor()
  })
  await step('a PDF is looked at in its place', async () => {
    await page.goto(home)
    const input = page.locator('.files input[type=file]').first()
    await input.setInputFiles([{ name: '报价.pdf', mimeType: 'application/pdf', buffer: pdf() }])
    await page.locator('.files .lines button', { hasText: '报价.pdf' }).click()
    const frame = page.locator('.preview .stage iframe')
    await frame.waitFor()
    const shown = await page.context().request.get(server.url + (await frame.getAttribute('src')))
    if (shown.headers()['content-type'] !== 'application/pdf') throw new Error(JSON.stringify(shown.headers()))
    if (!/^inline/.test(shown.headers()['content-disposition'] ?? 'inline')) throw new Error('it is not shown in place')
    await page.keyboard.press('Escape')
    await page.locator('.preview').waitFor({ state: 'hidden' })
  })
  await step('tasks are gone through by keyboard, ticked and opened; one is urgent', async () => {
    for (const title of ['催样品', '问交期', '约拜访']) await api.post('/tasks', { title, due_on: '2020-01-0' + 1 })
    await page.goto(server.url + '/tasks')
    const late = page.locator('.sec.late .task')
    await late.filter({ hasText: '约拜访' }).waitFor()
    await page.keyboard.press('ArrowDown')
    await page.keyboard.press('ArrowDown')
    const title = await page.evaluate(() => document.activeElement.closest('.task').querySelector('.what').textContent)
    await page.keyboard.press('ArrowLeft')
    await page.keyboard.press('Space')
    await page.locator('.sec.done .task', { hasText: title.trim() }).waitFor()
    await page.waitForFunction(() => document.activeElement?.matches('.sec.late .task .cb'))
    await page.keyboard.press('ArrowRight')
    await page.keyboard.press('Enter')
    await page.selectOption('#f-priority', 'high')
    await page.keyboard.press(`${mod}+Enter`)
    await page.locator('.sec.late .task', { hasText: t('tasks.high') }).waitFor()
  })
  await step('a checklist and a reminder, on a phone', async () => {
    await phone()
    const task = await api.post('/tasks', {
      title: '展会准备',
      due_on: '2030-05-06',
      due_time: '09:30',
    })
    await page.goto(server.url + '/tasks?open=' + task.id)
    await page.selectOption('#f-reminder_at', '60')
    const next = page.getByLabel(t('checklist.add'))
    for (const line of ['订展位', '印样册']) {
      await next.fill(line)
      await next.press('Enter')
      await page.locator(`.checklist input.tx >> nth=${line === '订展位' ? 0 : 1}`).waitFor()
    }
    await page.locator('.checklist .cb').first().check()
    await page.locator('.checklist header', { hasText: '1/2' }).waitFor()
    await page.locator('.el-drawer__footer .pri').click()
    await page.locator('.task', { hasText: '1/2' }).waitFor()
    const saved = await api.get('/tasks/' + task.id)
    const due = Date.parse('2030-05-06T09:30:00+08:00')
    if (saved.reminder_at !== due - 3600_000) throw new Error('reminder at ' + saved.reminder_at)
  })
  await step('what was open last says why it is there', async () => {
    const name = '徐静 ' + lang
    const contact = await api.post('/contacts', { name, customer_id: customer.id })
    const away = await api.post('/contacts', { name: '周全 ' + lang, customer_id: customer.id })
    const reason = (what, by = '') => t('recent.' + what, { name: by, on: '' }).trim()
    for (const c of [away, contact]) {
      await page.goto(server.url + '/contacts?open=' + c.id)
      await page.locator('#f-title').waitFor()
    }
    await page.fill('#f-title', '出纳')
    await page.locator('.el-drawer__footer .pri').click()
    await page.locator('.el-drawer').waitFor({ state: 'hidden' })
    const row = page.locator('.rec a', { hasText: name })
    const words = async what => {
      await page.goto(server.url + '/?of=all')
      await row.filter({ hasText: new RegExp(what.replace(/\s+/, '.*')) }).waitFor()
    }
    await words(reason('changed'))
    await other.patch('/contacts/' + contact.id, { title: '会计' })
    await api.del('/contacts/' + away.id)
    await words(reason('changed-by', other.name))
    if (await page.locator('.rec a', { hasText: '周全' }).count()) throw new Error('what is in the trash is shown')
    await wide()
    await page.goto(server.url + '/tasks')
    await page.locator('#main h1').first().waitFor()
    await page.keyboard.press(`${mod}+k`)
    await page.locator('.it', { hasText: name }).filter({ hasText: other.name }).waitFor()
    await page.keyboard.press('Escape')
    await phone()
  })
  await step('the bell on a phone, read to the end', async () => {
    await other.patch('/customers/' + customer.id, { city: '宁波' })
    await page.locator('.bell em').waitFor()
    await page.locator('.bell').click()
    await page.locator('.rings li').first().waitFor()
    await page.locator('.panel').getByText(t('bell.read-all')).click()
    await page.locator('.bell em').waitFor({ state: 'detached' })
  })
  await page.close()
}
