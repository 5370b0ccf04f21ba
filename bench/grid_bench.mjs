// What scrolling the list of customers costs: bench/grid_bench.mjs URL LOGIN PASSWORD. Prints a JSON object.
//
// The same flick, 100 px a frame, over the list and over a plain page of the same height and the same text that no
// script touches. The work of the main thread (script, style, layout) does not depend on how a machine paints; the time
// from frame to frame does, hence the plain page beside it.
import { openBrowser } from '../tests/web/lib.mjs'

const [url, login, password] = process.argv.slice(2)
const FRAMES = 600
const PX = 100

/** Runs inside the page: scrolls `el` and returns the times from frame to frame, ms. */
const flick = ([selector, frames, px]) =>
  new Promise(done => {
    const el = document.querySelector(selector)
    const took = []
    let last = 0
    const step = now => {
      if (last) took.push(now - last)
      last = now
      el.scrollTop += px
      if (took.length < frames) requestAnimationFrame(step)
      else done(took)
    }
    requestAnimationFrame(step)
  })

const at = (sorted, share) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]

async function measure(page, cdp, selector, px) {
  const metrics = async () =>
    Object.fromEntries((await cdp.send('Performance.getMetrics')).metrics.map(m => [m.name, m.value]))
  const before = await metrics()
  const took = (await page.evaluate(flick, [selector, FRAMES, px])).sort((a, b) => a - b)
  const after = await metrics()
  const spent = name => ((after[name] - before[name]) * 1000) / FRAMES
  return {
    work: spent('ScriptDuration') + spent('RecalcStyleDuration') + spent('LayoutDuration'),
    all: spent('TaskDuration'),
    p50: at(took, 0.5),
    p95: at(took, 0.95),
    long: took.filter(t => t > 50).length,
  }
}

/** Scrolls to the end again and again until `rows` are there. */
const load = async ([selector, rows, height]) => {
  const el = document.querySelector(selector)
  while (el.scrollHeight < rows * height) {
    el.scrollTop = el.scrollHeight
    await new Promise(r => requestAnimationFrame(r))
  }
}

const { context, close } = await openBrowser()
try {
  const page = await context.newPage()
  const cdp = await context.newCDPSession(page)
  await cdp.send('Performance.enable', { timeDomain: 'threadTicks' })
  const signed = await context.request.post(url + '/api/v1/session', {
    data: { login, password, remember: true },
    headers: { 'X-Patron': '1', Origin: url, 'Sec-Fetch-Site': 'same-origin' },
  })
  if (!signed.ok()) throw new Error(`sign-in: ${signed.status()}`)
  await page.goto(url + '/customers')
  await page.waitForSelector('.gridbox tbody tr[aria-rowindex="20"]', { state: 'attached' })
  const height = await page.evaluate(() => document.querySelector('.gridbox tbody tr[aria-rowindex]').offsetHeight)
  const text = await page.evaluate(() => document.querySelector('.gridbox').innerText)

  const top = await measure(page, cdp, '.gridbox', PX)
  const began = Date.now()
  await page.evaluate(load, ['.gridbox', 100_000, height])
  const loaded = (Date.now() - began) / 1000
  const deep = await measure(page, cdp, '.gridbox', -PX)
  const rows = await page.evaluate(() => document.querySelectorAll('.gridbox tbody tr').length)
  const heap = (await cdp.send('Performance.getMetrics')).metrics.find(m => m.name === 'JSHeapUsedSize').value

  await page.goto('about:blank')
  await page.setContent(
    `<div id="plain" style="height:800px;overflow:auto"><pre style="height:3600000px"></pre></div>`,
  )
  await page.evaluate(t => {
    document.querySelector('#plain pre').textContent = (t + '\n').repeat(60)
  }, text)
  const plain = await measure(page, cdp, '#plain', PX)
  console.log(JSON.stringify({ top, deep, plain, loaded, rows, heap: heap / 1048576 }))
} finally {
  await close()
}
