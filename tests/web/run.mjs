// The browser tests: what is done at a desk and on a phone, in Chinese and in English, each on a fresh server.
//   node tests/web/run.mjs [desk] [phone]
import { existsSync, mkdirSync } from 'node:fs'
import { browserPath, Count, openBrowser, openServer, root } from './lib.mjs'
import { walkTogether } from './walk_together.mjs'
import { walk } from './walk.mjs'
import { walkFiles } from './walk_files.mjs'
import { walkHouse } from './walk_house.mjs'
import { walkPhone } from './walk_phone.mjs'

const count = new Count()
mkdirSync(`${root}/build/shots`, { recursive: true })
// each list goes on where the one before it ended, on a server of its own
const walks = {
  desk: [walk, walkTogether, walkFiles, walkHouse],
  phone: [walkPhone],
}
const wanted = process.argv.slice(2)
const languages = process.env.PATRON_LANG ? [process.env.PATRON_LANG] : ['zh', 'en']

/** One list on a fresh server, in a fresh browser. */
async function run(lang, name) {
  if (!existsSync(browserPath)) return count.skip(`${name} ${lang}`, `${browserPath} is not installed`)
  let server = null,
    browser = null
  try {
    server = await openServer()
    if (!server) return count.bad(`${name} ${lang}`, 'build/patron does not exist')
    browser = await openBrowser()
    for (const one of walks[name]) await one(server, browser, lang, count)
  } catch (e) {
    count.bad(`${name} ${lang}`, e.stack ?? e)
  } finally {
    await browser?.close()
    await server?.close()
  }
}

// One waits much of its time: the languages go beside each other.
await Promise.all(
  languages.map(async lang => {
    for (const name of Object.keys(walks)) if (!wanted.length || wanted.includes(name)) await run(lang, name)
  }),
)
count.end()
