import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const web = join(dirname(fileURLToPath(import.meta.url)), '..')
type Tree = { [key: string]: string | Tree }
const load = (path: string): Tree => JSON.parse(readFileSync(join(web, path), 'utf8')) as Tree
const flat = (tree: Tree, at = ''): Map<string, string> =>
  new Map(
    Object.entries(tree).flatMap(([k, v]) =>
      typeof v === 'string' ? [[at + k, v] as const] : [...flat(v, at + k + '.')],
    ),
  )
const files = (dir: string): string[] =>
  readdirSync(dir).flatMap(f => {
    const p = join(dir, f)
    return statSync(p).isDirectory() ? files(p) : [p]
  })

const en = flat(load('src/locales/en.json')),
  zh = flat(load('src/locales/zh.json'))
const names = (s: string): string => [...new Set([...s.matchAll(/\{(\w+)\}/g)].map(m => m[1]!))].sort().join()

describe('texts', () => {
  it('has the same keys in both languages', () => {
    expect([...en.keys()].sort()).toEqual([...zh.keys()].sort())
  })
  it('uses no parameter that the other language does not know', () => {
    for (const [key, text] of zh)
      for (const p of names(text).split(',').filter(Boolean)) expect(names(en.get(key)!).split(','), key).toContain(p)
  })
  it('writes English and Chinese, not a mixture', () => {
    for (const [key, text] of en) expect(/[\u3400-\u9fff，。：；「」]/.test(text), `${key}: ${text}`).toBe(false)
    for (const [key, text] of zh)
      if (!/^[A-Z]{3}$|RFM|^model/.test(key))
        expect(/[\u3400-\u9fff]/.test(text) || text.length < 24, `${key}: ${text}`).toBe(true)
  })
  it('keeps to the house style', () => {
    for (const [key, text] of en) expect(/!|\boops\b|success|invalid|please/i.test(text), `${key}: ${text}`).toBe(false)
    for (const [key, text] of zh) expect(/您|抱歉|成功|！/.test(text), `${key}: ${text}`).toBe(false)
  })
  it('knows every key that the source names', () => {
    const missing = new Set<string>()
    for (const f of files(join(web, 'src')).filter(f => /\.(vue|ts)$/.test(f))) {
      const source = readFileSync(f, 'utf8')
      for (const m of source.matchAll(/(?<![\w.])\$?t\(\s*'([a-z][\w-]*(?:\.[\w-]+)+)'\s*[,)]/g))
        if (!en.has(m[1]!)) missing.add(m[1]!)
    }
    expect([...missing]).toEqual([])
  })
})

describe('texts of codes, shared with the server', () => {
  const a = flat(load('../messages/en.json')),
    b = flat(load('../messages/zh.json'))
  it('has the same codes in both languages', () => {
    expect([...a.keys()].sort()).toEqual([...b.keys()].sort())
  })
  it('is sorted', () => {
    expect([...a.keys()]).toEqual([...a.keys()].sort())
  })
})
