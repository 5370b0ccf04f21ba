// The browser tests: the main job, walked in Chinese and in English, each on a fresh server.
import { existsSync, mkdirSync } from 'node:fs'
import { browserPath, Count, openBrowser, openServer, root } from './lib.mjs'
import { walkTogether } from './walk_together.mjs'
import { walk } from './walk.mjs'
import { walkFiles } from './walk_files.mjs'

const count = new Count()
mkdirSync(`${root}/build/shots`, { recursive: true })
const languages = process.env.PATRON_LANG ? [process.env.PATRON_LANG] : ['zh', 'en']
for (const lang of languages) {
  if (!existsSync(browserPath)) {
    count.skip(`walk ${lang}`, `${browserPath} is not installed`)
    continue
  }
  let server = null,
    browser = null
  try {
    server = await openServer()
    if (!server) {
      count.bad(`walk ${lang}`, 'build/patron does not exist')
      continue
    }
    browser = await openBrowser()
    await walk(server, browser, lang, count)
    await walkTogether(server, browser, lang, count)
    await walkFiles(server, browser, lang, count)
  } catch (e) {
    count.bad(`walk ${lang}`, e.stack ?? e)
  } finally {
    await browser?.close()
    await server?.close()
  }
}
count.end()
