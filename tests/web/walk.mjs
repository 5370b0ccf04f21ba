// The main job in a browser, in one language, on a server that was never set up: from the one-time link to the value of
// every customer, and the daily work on it. Each step asserts what a person would see.
import { admin, client, sampleFile, signIn, text } from './prepare.mjs'
import { inspect, root, settle, watchPage } from './lib.mjs'

export async function walk(server, browser, lang, count) {
    const t = text(lang, root)
    const findings = []
    const page = await browser.context.newPage()
    await watchPage(page, findings)
    page.setDefaultTimeout(15_000)
    await page.addInitScript(l => {
        try {
            if (!localStorage.getItem('patron.language')) localStorage.setItem('patron.language', l)
        } catch {
            /* none */
        }
    }, lang)
    const api = client(browser.context, server.url)
    const see = (what, options) => page.getByText(what, options).first().waitFor()
    let broken = false
    const step = async (name, work) => {
        if (broken) {
            count.skip(`${lang} ${name}`, 'an earlier step failed')
            return
        }
        try {
            await work()
            await settle(page)
            const seen = await page.evaluate(inspect, lang)
            if (findings.length || seen.length) throw new Error([...findings.splice(0), ...seen].join('\n'))
            count.ok(`${lang} ${name}`)
        } catch (e) {
            count.bad(`${lang} ${name}`, e.message ?? e)
            findings.length = 0
            if (/setup|import|sign/.test(name)) broken = true
            await page
                .screenshot({
                    path: `${root}/build/shots/failed-${lang}-${name.replaceAll(/\W+/g, '-')}.png`,
                })
                .catch(() => undefined)
        }
    }
    const mod = 'Control'

    if (server.setup) {
        await step('setup asks for what is missing', async () => {
            await page.goto(server.setup)
            await see(t('setup.part1'))
            if (
                !(
                    await page.locator(`button[lang="${lang === 'zh' ? 'zh-CN' : 'en'}"]`).getAttribute('aria-pressed')
                ).includes('true')
            )
                await page.click(`button[lang="${lang === 'zh' ? 'zh-CN' : 'en'}"]`)
            await page.click('footer .pri')
            await see(t('setup.need.name'))
        })
        await step('setup creates the administrator and the company', async () => {
            await page.fill('#admin-name', admin.name)
            await page.fill('#admin-login', admin.login)
            await page.fill('#admin-password', admin.password)
            await page.click('footer .pri')
            await page.fill('#company-name', '锐进工业用品')
            await page.selectOption('#company-language', lang)
            await page.click('footer .pri')
            await page.click('footer .pri')
            await page.waitForURL('**/import')
            await see(t('imports.drop-orders'))
        })
        await step('value overview before any order leads to the import', async () => {
            await page.goto(server.url + '/value')
            await see(t('value.none'))
            await page
                .locator('#main')
                .getByRole('link', { name: t('value.import') })
                .click()
            await see(t('imports.drop-orders'))
        })
    } else {
        await signIn(api)
        await api.patch('/session', {
            language: lang,
            theme: 'light',
            density: 'normal',
        })
    }

    await step('import guesses the columns and marks the bad rows', async () => {
        await page.goto(server.url + '/import')
        await page.setInputFiles('input[type=file]', sampleFile())
        await page.waitForURL(/import\/\d+/)
        await page.locator('.ft .pri', { hasText: /\d/ }).waitFor()
        const rows = await page.locator('.mp tbody tr').count()
        if (rows !== 8) throw new Error(`8 columns expected, ${rows} shown`)
        await see('4', { exact: false })
        await page.locator('.pb .lnk').first().click()
        await see('2026-13-02')
    })
    await step('import runs to its result', async () => {
        await page.locator('.ft .pri').click()
        await see(t('imports.head.done'))
        await page.locator('.rejline').waitFor()
        const [file] = await Promise.all([page.waitForEvent('download'), page.locator('.rejline a').click()])
        if (!(await file.createReadStream())) throw new Error('no rejected rows to download')
    })
    await step('jobs lists the import', async () => {
        await page.goto(server.url + '/jobs')
        await see(t('jobs.kind.import'))
        await page.locator('td .ok').first().waitFor()
    })
    await step('value overview shows equity, charts, tables and the model', async () => {
        await page.goto(server.url + '/value')
        await page.locator('.huge, .nov .btn.pri').first().waitFor()
        if (await page.locator('.nov button.pri').count()) await page.locator('.nov button.pri').click()
        await page.locator('.huge').waitFor({ timeout: 60_000 })
        await page.locator('canvas').nth(3).waitFor()
        if ((await page.locator('.gt tbody tr').count()) < 3) throw new Error('three grades expected')
        for (const sentence of await page.locator('.read').allTextContents())
            if (sentence.trim().length < 8) throw new Error('a chart without a sentence')
        await page.locator('.tools button').first().click()
        await page.locator('.tablebox td').first().waitFor()
        await page.locator('.tools button').first().click()
        await page.locator('.tools button').nth(1).click()
        const [file] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('button', { name: t('chart.csv') }).click(),
        ])
        if (!/\.csv$/.test(file.suggestedFilename())) throw new Error(file.suggestedFilename())
        await page.locator('.tools button').nth(1).click()
        const [png] = await Promise.all([
            page.waitForEvent('download'),
            page.getByRole('button', { name: t('chart.png') }).click(),
        ])
        if (!/\.png$/.test(png.suggestedFilename())) throw new Error(png.suggestedFilename())
        await see(t('value.model'))
    })
    await step('value is computed anew with a date to test from', async () => {
        await page.locator('.hd .rt button').click()
        await page.fill('#v-c', '2026-05-22')
        await page.locator('.set button[type=submit]').click()
        await see(t('value.refreshed'))
    })
    let name = ''
    await step('customers are listed by value with intervals, and sorted by head', async () => {
        await page.goto(server.url + '/customers')
        await page.locator('tbody tr .ivl').first().waitFor()
        const values = (await page.locator('tbody td.w-value b').allTextContents()).map(s =>
            Number(s.replaceAll(',', '')),
        )
        if (values.some((v, i) => i && v > values[i - 1])) throw new Error('not sorted by value: ' + values.slice(0, 8))
        for (let i = 0; i < 12; i++) {
            await page.evaluate(() => {
                const g = document.querySelector('.gridbox')
                g.scrollTop = g.scrollHeight
            })
            await page.waitForTimeout(120)
        }
        const reached = Number(await page.locator('tbody tr[aria-rowindex]').last().getAttribute('aria-rowindex'))
        if (reached < 500) throw new Error('scrolling stopped at row ' + reached)
        await page.locator('th.w-relative button, th.w-alive button').first().click()
        await page.waitForURL(/sort=/)
        await page.goto(server.url + '/customers')
        await page.locator('tbody td.w-title b').first().waitFor()
        name = await page.locator('tbody td.w-title b').first().textContent()
    })
    await step('customers are filtered, and an empty answer names the way out', async () => {
        await page.locator('.fb .btn.ghost').click()
        await page.selectOption('#filter-field', 'orders_count')
        await page.fill('#filter-value', '999999')
        await page.locator('.ed button[type=submit]').click()
        await see(t('customers.none'))
        await page.locator('.state .btn').first().click()
        await page.locator('tbody td.w-title').first().waitFor()
    })
    await step('a cell is edited in place and taken back', async () => {
        await page.goto(server.url + '/customers')
        const cell = page.locator('tbody tr:not(.gap)').first().locator('td.w-title')
        await cell.waitFor()
        const before = await cell.locator('b').textContent()
        await page.locator('.gridbox').focus()
        await page.keyboard.press('ArrowDown')
        await page.keyboard.press('F2')
        await page.locator('[data-edit]').fill(before + ' 2')
        await page.keyboard.press('Enter')
        await cell.locator('b', { hasText: before + ' 2' }).waitFor()
        await page.locator('.toast .act').click()
        await page.waitForFunction(want => document.querySelector('tbody td.w-title b')?.textContent === want, before)
    })
    await step('two people change one customer: the conflict asks and merges', async () => {
        const first = (await api.get('/customers?limit=1&sort=-clv')).items[0]
        await page.goto(server.url + '/customers/' + first.id)
        await page.locator('.act .btn').nth(1).click()
        await page.locator('#f-phone').waitFor()
        await page.fill('#f-phone', '021-11112222')
        await api.patch('/customers/' + first.id, {
            phone: '021-99998888',
            city: '南京',
        })
        await page.locator('.el-drawer__footer .pri').click()
        await see(t('conflict.yours'), { exact: true })
        await see('021-99998888')
        await page.locator('.el-dialog .pri').click()
        await page.locator('.facts', { hasText: '021-11112222' }).waitFor()
        const now = await api.get('/customers/' + first.id)
        if (now.city !== '南京') throw new Error('the other change was lost')
    })
    await step('customer shows value, reasons, ledger, orders and timeline', async () => {
        await page.locator('.band .big').nth(3).waitFor()
        if ((await page.locator('.band .c').first().locator('tbody tr').count()) < 1) throw new Error('no reasons')
        await page.locator('.band .lnk').first().click()
        await page.locator('.hw tbody tr.total').waitFor()
        await page.keyboard.press('Escape')
        await page.locator('.od tbody tr').first().waitFor()
        await page.locator('.ev').first().waitFor()
    })
    await step('a note is written, deleted and brought back', async () => {
        await page.locator('.act .btn').first().click()
        await page.fill(
            '#note-body',
            lang === 'zh'
                ? '电话：新增两台五轴，年刀具用量预计增加三成'
                : 'Call: two new machines, a third more tools a year',
        )
        await page.keyboard.press(`${mod}+Enter`)
        const item = page.locator('.notes li').first()
        await item.waitFor()
        await item.hover()
        await item.locator('button').nth(1).click()
        await page.locator('.notes li').first().waitFor({ state: 'detached' })
        await page.locator('.toast .act').click()
        await page.locator('.notes li').first().waitFor()
    })
    await step('a customer is created from the drawer', async () => {
        await page.goto(server.url + '/customers')
        await page.locator('.acts .pri').click()
        await page.locator('#f-name').waitFor()
        await page.locator('.el-drawer__footer .pri').click()
        await page.locator('.summary').waitFor()
        await page.fill('#f-name', '宁波甬江泵阀有限公司')
        await page.locator('.el-drawer__footer .pri').click()
        await page.waitForURL(/customers\/\d+/)
        await page.getByRole('heading', { name: '宁波甬江泵阀有限公司' }).waitFor()
        await see(t('novalue.title'))
    })
    await step('search finds a customer by two characters', async () => {
        await page.keyboard.press(`${mod}+k`)
        await page.keyboard.type('泵阀')
        await page.locator('.it', { hasText: '宁波甬江泵阀' }).waitFor()
        await page.keyboard.press('Enter')
        await page.waitForURL(/customers\/\d+/)
    })
    await step('customers are deleted together and brought back by undo', async () => {
        await page.goto(server.url + '/customers')
        await page.locator('tbody tr:not(.gap)').nth(1).locator('.cb').click()
        await page.locator('tbody tr:not(.gap)').nth(3).locator('.cb').click()
        await page.locator('.bulk').waitFor()
        const gone = await page.locator('tbody tr.ticked td.w-title b').first().textContent()
        await page.locator('.bulk button', { hasText: /2/ }).click()
        await page.locator('.toast', { hasText: '2' }).waitFor()
        await page.waitForFunction(
            n => ![...document.querySelectorAll('tbody td.w-title b')].some(b => b.textContent === n),
            gone,
        )
        await page.locator('.toast .act').click()
        await page.waitForFunction(
            n => [...document.querySelectorAll('tbody td.w-title b')].some(b => b.textContent === n),
            gone,
        )
    })
    await step('language and theme switch in place', async () => {
        const other = lang === 'zh' ? 'en' : 'zh'
        await page.locator('.avatar').click()
        await page.locator(`.account button[lang="${other === 'zh' ? 'zh-CN' : 'en'}"]`).click()
        await page
            .getByRole('heading', {
                name: text(other, root)('customers.title'),
            })
            .waitFor()
        await page.locator(`.account button[lang="${lang === 'zh' ? 'zh-CN' : 'en'}"]`).click()
        await page.getByRole('heading', { name: t('customers.title') }).waitFor()
        await page.locator('.account .seg').nth(1).locator('button').nth(1).click()
        await page.waitForFunction(() => document.documentElement.classList.contains('dark'))
        await page.locator('.account .seg').nth(1).locator('button').nth(0).click()
        await page.keyboard.press('Escape')
    })
    await step('keys open the sheet, and none fires while an input method composes', async () => {
        await page.keyboard.press('Shift+?')
        await page.locator('.el-dialog', { hasText: t('keys.title') }).waitFor()
        await page.keyboard.press('Escape')
        await page.locator('.el-overlay').waitFor({ state: 'hidden' })
        await page.evaluate(() =>
            document.dispatchEvent(
                new KeyboardEvent('keydown', {
                    key: 'n',
                    isComposing: true,
                    bubbles: true,
                }),
            ),
        )
        await page.waitForTimeout(200)
        if (await page.locator('.el-drawer').count()) throw new Error('a shortcut fired while composing')
    })
    await step('sign in: a wrong password says how many tries are left', async () => {
        await page.locator('.avatar').click()
        await page.getByRole('button', { name: t('shell.signout') }).click()
        await page.waitForURL('**/sign-in')
        await page.fill('#login', admin.login)
        await page.fill('#password', 'wrong')
        await page.locator('.go').click()
        await page.locator('#signin-message', { hasText: /\d/ }).waitFor()
        await page.fill('#password', admin.password)
        await page.locator('.go').click()
        await page.waitForURL('**/customers')
        void name
    })
    await page.close()
}
