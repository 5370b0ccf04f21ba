// What the browser tests share: a browser, a server to talk to, and the checks that every page must pass.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
export const root = resolve(here, '../..')
const fromWeb = createRequire(join(root, 'web/package.json'))
const { chromium } = fromWeb('playwright-core')
const axe = fromWeb('axe-core').source

export const browserPath = process.env.CHROMIUM ?? '/usr/bin/chromium'
export async function openBrowser() {
  const profile = mkdtempSync(join(tmpdir(), 'patron-web-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: browserPath,
    headless: true,
    viewport: { width: 1440, height: 900 },
    acceptDownloads: true,
    locale: 'zh-CN',
    timezoneId: 'Asia/Shanghai',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })
  return {
    context,
    async close() {
      await context.close()
      rmSync(profile, { recursive: true, force: true })
    },
  }
}

/**
 * The server under test: PATRON_URL (with PATRON_SETUP, the set-up link, when it is new), or build/patron started on a
 * fresh directory and a free port. The set-up link and the address are read from what it prints.
 */
export async function openServer() {
  if (process.env.PATRON_URL)
    return {
      url: process.env.PATRON_URL.replace(/\/$/, ''),
      setup: process.env.PATRON_SETUP ?? null,
      async close() {},
    }
  const binary = process.env.PATRON_BIN ?? join(root, 'build/patron')
  if (!existsSync(binary)) return null
  const data = mkdtempSync(join(tmpdir(), 'patron-data-'))
  const child = spawn(binary, ['serve', '--data', data, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  const found = await new Promise((ok, fail) => {
    const timer = setTimeout(() => fail(new Error('the server did not come up:\n' + text)), 15_000)
    const read = chunk => {
      text += chunk
      const link = /(https?:\/\/[^\s"'<>]+?)\/setup#([^\s"'<>]+)/.exec(text)
      if (link) {
        clearTimeout(timer)
        ok({ url: link[1], setup: link[0] })
      }
    }
    child.stdout.on('data', read)
    child.stderr.on('data', read)
    child.on('exit', code => {
      clearTimeout(timer)
      fail(new Error(`the server ended with ${code}:\n${text}`))
    })
  }).catch(e => {
    child.kill()
    rmSync(data, { recursive: true, force: true })
    throw e
  })
  return {
    ...found,
    log: () => text,
    async close() {
      child.removeAllListeners('exit')
      const gone = new Promise(r => child.on('exit', r))
      child.kill('SIGTERM')
      await Promise.race([gone, new Promise(r => setTimeout(r, 5000))])
      rmSync(data, { recursive: true, force: true })
    },
  }
}

/** Collects what a page must never do: console errors, exceptions, CSP reports. */
const pending = new Map()
export async function watchPage(page, findings) {
  const open = new Set()
  pending.set(page, open)
  page.on('request', r => {
    if (!r.url().endsWith('/api/v1/events')) open.add(r)
  })
  for (const over of ['requestfinished', 'requestfailed']) page.on(over, r => open.delete(r))
  page.on('framenavigated', f => {
    if (f === page.mainFrame()) open.clear()
  })
  page.on('console', m => {
    if (m.type() !== 'error' && !/Content.Security.Policy/i.test(m.text())) return
    // the browser itself reports every 4xx answer; those are part of the tests
    if (/Failed to load resource: the server responded with a status of 4\d\d/.test(m.text())) return
    findings.push(`console: ${m.text().slice(0, 300)}`)
  })
  page.on('pageerror', e => findings.push(`exception: ${String(e.stack ?? e).slice(0, 400)}`))
  await page.addInitScript(() =>
    document.addEventListener('securitypolicyviolation', e =>
      console.error(
        `Content-Security-Policy: ${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber} ${e.sample}`,
      ),
    ),
  )
}

/** What axe has to say about the page: all its rules, best practice included. */
export async function accessible(page) {
  if (!(await page.evaluate(() => 'axe' in globalThis))) await page.evaluate(axe)
  const violations = await page.evaluate(async () => {
    const r = await globalThis.axe.run(document, { resultTypes: ['violations'] })
    return r.violations.map(v => ({ id: v.id, help: v.help, nodes: v.nodes.map(n => [n.target.join(' '), n.html]) }))
  })
  return violations.map(
    v => `axe ${v.id}: ${v.help}: ${v.nodes.length} × ${v.nodes[0][0]}  ${v.nodes[0][1].slice(0, 160)}`,
  )
}

/** Overflow, contrast and language of the page as it stands. Runs inside the page. */
export function inspect(lang) {
  const found = []
  const root = document.documentElement
  if (root.scrollWidth > innerWidth + 1) {
    const wide = [...document.querySelectorAll('body *')]
      .filter(e => {
        const r = e.getBoundingClientRect()
        return r.width && r.right > innerWidth + 1 && getComputedStyle(e).position !== 'fixed'
      })
      .slice(0, 3)
    found.push(
      `overflow: ${root.scrollWidth} > ${innerWidth} at ${wide.map(e => e.tagName + '.' + e.className).join(' | ')}`,
    )
  }
  const main = document.getElementById('main')
  for (const box of [main, ...document.querySelectorAll('.scroll, .page')])
    if (
      box &&
      box.scrollWidth > box.clientWidth + 1 &&
      getComputedStyle(box).overflowX !== 'visible' &&
      !box.closest('.od, .over') &&
      !(box.classList.contains('scroll') && box.querySelector(':scope > table'))
    )
      found.push(`overflow in ${box.tagName}.${box.className}: ${box.scrollWidth} > ${box.clientWidth}`)

  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true })
  const cache = new Map()
  const rgba = css => {
    if (!cache.has(css)) {
      canvas.clearRect(0, 0, 1, 1)
      canvas.fillStyle = '#000'
      canvas.fillStyle = css
      canvas.fillRect(0, 0, 1, 1)
      const d = canvas.getImageData(0, 0, 1, 1).data
      cache.set(css, [d[0], d[1], d[2], d[3] / 255])
    }
    return cache.get(css)
  }
  const over = (top, under) => {
    const a = top[3] + under[3] * (1 - top[3])
    return a ? [0, 1, 2].map(i => (top[i] * top[3] + under[i] * under[3] * (1 - top[3])) / a).concat(a) : [0, 0, 0, 0]
  }
  const lum = c => {
    const [r, g, b] = c.slice(0, 3).map(v => {
      v /= 255
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
    })
    return 0.2126 * r + 0.7152 * g + 0.0722 * b
  }
  const ground = el => {
    let c = [0, 0, 0, 0]
    for (let e = el; e && c[3] < 1; e = e.parentElement) c = over(c, rgba(getComputedStyle(e).backgroundColor))
    return c[3] < 1 ? over(c, [255, 255, 255, 1]) : c
  }
  const seen = new Set()
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const cjk = /[\u3400-\u9fff]/
  const visible = el =>
    el.checkVisibility({
      opacityProperty: true,
      visibilityProperty: true,
    }) && !el.closest('.sr, [aria-hidden="true"]')
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim(),
      el = node.parentElement
    if (!text || !el || !visible(el)) continue
    const box = el.getBoundingClientRect()
    if (!box.width || !box.height) continue
    const style = getComputedStyle(el)
    const svg = el instanceof SVGElement
    let fore = rgba(svg ? style.fill : style.color)
    for (let e = el; e; e = e.parentElement) {
      const o = Number(getComputedStyle(e).opacity)
      if (o < 1) fore = [fore[0], fore[1], fore[2], fore[3] * o]
    }
    const back = ground(el),
      mixed = over(fore, back)
    const [a, b] = [lum(mixed), lum(back)].sort((x, y) => y - x)
    const ratio = (a + 0.05) / (b + 0.05)
    if (ratio < 4.495 && !el.closest(':disabled, [aria-disabled="true"]')) {
      const key = style.color + style.backgroundColor + el.className
      if (!seen.has(key)) {
        seen.add(key)
        found.push(`contrast ${ratio.toFixed(2)}: “${text.slice(0, 30)}” ${el.tagName}.${el.className}`)
      }
    }
    // a key that was never translated looks like `customers.empty-text`
    if (/^[a-z]+(\.[a-z0-9-]+)+$/.test(text) && !/\.(csv|com|cn|txt)$/.test(text)) found.push(`untranslated: ${text}`)
    const own = el.closest('[lang]')
    if (own && own !== root) continue
    if (
      el.closest('[data-own], option, td, .title, input, textarea') ||
      el.closest(
        '.nm, .ttl, .who, .low p, .facts dd, .tx, .ev, .crumb, .lede b, .c .m, .oc, .by, .h b, .own, .it, .toast, .el-dialog__title, .el-select, .sum, nav ol li',
      )
    )
      continue
    if (lang === 'en' && cjk.test(text))
      found.push(`Chinese on an English page: “${text.slice(0, 40)}” ${el.tagName}.${el.className}`)
    if (lang === 'zh' && !cjk.test(text) && /[A-Za-z]{3,} [A-Za-z]{3,}/.test(text))
      found.push(`English on a Chinese page: “${text.slice(0, 40)}” ${el.tagName}.${el.className}`)
  }
  for (const el of document.querySelectorAll('button, a[href], input, select, textarea')) {
    if (!visible(el) || el.type === 'hidden') continue
    const name =
      el.getAttribute('aria-label') ||
      el.textContent.trim() ||
      el.title ||
      el.placeholder ||
      (el.labels?.length && [...el.labels].map(l => l.textContent.trim()).join(' ')) ||
      (el.getAttribute('aria-labelledby') && document.getElementById(el.getAttribute('aria-labelledby'))?.textContent)
    if (!name) found.push(`without a name: ${el.outerHTML.slice(0, 120)}`)
  }
  return [...new Set(found)]
}

/** Waits until nothing but the live stream is under way, and what opens has opened. */
export async function settle(page) {
  for (let i = 0, quiet = 0; i < 80 && quiet < 3; i++) {
    await page.waitForTimeout(60)
    quiet = pending.get(page)?.size ? 0 : quiet + 1
  }
  await page.evaluate(() => document.fonts.ready)
  await page.evaluate(() =>
    Promise.race([
      Promise.allSettled(document.getAnimations().map(a => a.finished)),
      new Promise(r => setTimeout(r, 1000)),
    ]),
  )
  await page.waitForTimeout(120)
}

export class Count {
  passed = 0
  failed = 0
  skipped = 0
  ok(name, extra = '') {
    this.passed++
    console.log(`ok    ${name}${extra ? '  ' + extra : ''}`)
  }
  bad(name, why) {
    this.failed++
    console.log(`FAIL  ${name}\n      ${String(why).split('\n').slice(0, 12).join('\n      ')}`)
  }
  skip(name, why) {
    this.skipped++
    console.log(`skip  ${name}: ${why}`)
  }
  end() {
    console.log(`${this.passed} passed, ${this.failed} failed, ${this.skipped} skipped`)
    process.exitCode = this.failed ? 1 : 0
  }
}

/** axe, at each place once for each width; what floats over it is a place of its own. */
export function ears(page) {
  const looked = new Set()
  return async () => {
    const floating = await page.locator('.el-overlay:visible, .pop').count()
    const place = new URL(page.url()).pathname.replace(/\d+/g, 'n') + page.viewportSize().width + (floating > 0)
    if (looked.has(place)) return []
    looked.add(place)
    return accessible(page)
  }
}

/** The steps of a walk on one page: each is checked as every page is; after a broken beginning the rest is skipped. */
export function stepper(page, findings, lang, count, heard = ears(page)) {
  let broken = false
  return async (name, work) => {
    if (broken) {
      count.skip(`${lang} ${name}`, 'an earlier step failed')
      return
    }
    const began = Date.now()
    try {
      await work()
      await settle(page)
      const seen = [...(await page.evaluate(inspect, lang)), ...(await heard())]
      if (findings.length || seen.length) throw new Error([...findings.splice(0), ...seen].join('\n'))
      count.ok(`${lang} ${name}`, `${((Date.now() - began) / 1000).toFixed(1)} s`)
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
}
