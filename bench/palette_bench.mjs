// How soon the palette answers: bench/palette_bench.mjs URL LOGIN PASSWORD WORD... From the event of a key to the frame in
// which what was found is on the screen. Prints a JSON object: ms by word, median of a few.
import { openBrowser } from '../tests/web/lib.mjs'

const [url, login, password, ...words] = process.argv.slice(2)
const TIMES = 9

/** Runs inside the page: types a word, and waits until the list is no longer busy and painted. */
const type = word =>
  new Promise(done => {
    const input = document.querySelector('.find input')
    const list = document.getElementById('search-list')
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set
    let began = 0
    const seen = new MutationObserver(() => {
      if (list.getAttribute('aria-busy') === 'true') return
      seen.disconnect()
      requestAnimationFrame(() => setTimeout(() => done([performance.now() - began, list.querySelectorAll('.it').length])))
    })
    seen.observe(list, { attributes: true, attributeFilter: ['aria-busy'] })
    set.call(input, word)
    began = performance.now()
    input.dispatchEvent(new Event('input', { bubbles: true }))
  })

const { context, close } = await openBrowser()
try {
  const page = await context.newPage()
  const signed = await context.request.post(url + '/api/v1/session', {
    data: { login, password, remember: true },
    headers: { 'X-Patron': '1', Origin: url, 'Sec-Fetch-Site': 'same-origin' },
  })
  if (!signed.ok()) throw new Error(`sign-in: ${signed.status()}`)
  await page.goto(url + '/customers')
  await page.waitForSelector('.gridbox tbody tr[aria-rowindex="5"]', { state: 'attached' })
  await page.keyboard.press('Control+k')
  await page.waitForSelector('#search-list')
  const result = {}
  for (const word of words) {
    const took = []
    for (let i = 0; i < TIMES; i++) {
      const [ms, found] = await page.evaluate(type, word)
      if (!found) throw new Error('nothing found for ' + word)
      took.push(ms)
      await page.evaluate(() => {
        const input = document.querySelector('.find input')
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(input, '')
        input.dispatchEvent(new Event('input', { bubbles: true }))
      })
      await page.waitForTimeout(60)
    }
    result[word] = took.sort((a, b) => a - b)[TIMES >> 1]
  }
  console.log(JSON.stringify(result))
} finally {
  await close()
}
