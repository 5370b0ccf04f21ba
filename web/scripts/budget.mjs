// Transferred JS + CSS (brotli) of the sign-in and the customer list route, from the build manifest.
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = join(dirname(fileURLToPath(import.meta.url)), '..')
const manifest = JSON.parse(readFileSync(join(web, '../build/web-manifest.json'), 'utf8'))
const KiB = 1024

function closure(keys) {
  const seen = new Set()
  const files = new Set()
  const visit = key => {
    if (seen.has(key)) return
    seen.add(key)
    const chunk = manifest[key]
    if (!chunk) throw new Error(`not in the manifest: ${key}`)
    files.add(chunk.file)
    chunk.css?.forEach(f => files.add(f))
    chunk.imports?.forEach(visit)
  }
  keys.forEach(visit)
  return [...files]
}

const find = end => {
  const key = Object.keys(manifest).find(k => k.endsWith(end))
  if (!key) throw new Error(`no chunk for ${end}`)
  return key
}
const locale = ['zh', 'en'].map(l => find(`locale/${l}`))
const size = file => statSync(join(web, 'dist', file + '.br')).size
const total = files => files.reduce((sum, f) => sum + size(f), 0)
const worst = keys => Math.max(...locale.map(l => total(closure([...keys, l]))))

const routes = [
  ['sign-in', 150, ['index.html', find('identity/SignInPage.vue')]],
  ['set-up', 150, ['index.html', find('identity/SetupPage.vue')]],
  ['customer list', 220, ['index.html', find('shell/AppShell.vue'), find('customers/CustomersPage.vue')]],
]
let failed = 0
for (const [name, limit, keys] of routes) {
  const bytes = worst(keys)
  const ok = bytes <= limit * KiB
  if (!ok) failed++
  console.log(`${ok ? 'ok  ' : 'OVER'} ${name.padEnd(14)} ${(bytes / KiB).toFixed(1).padStart(6)} KiB of ${limit}`)
}
if (process.argv.includes('-v'))
  for (const f of closure(routes[2][2]).sort((a, b) => size(b) - size(a)))
    console.log(`     ${(size(f) / KiB).toFixed(1).padStart(6)} ${f}`)
console.log(`${routes.length - failed} passed, ${failed} failed, 0 skipped`)
process.exit(failed ? 1 : 0)
