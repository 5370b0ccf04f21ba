/**
 * A safe subset of Markdown, as a tree that is drawn with elements and texts only: nothing in it is ever HTML. Headings,
 * lists in lists, boxes, tables, quotes, rules, code, bold, italic, struck out, links to the web, and colleagues who are
 * named with @.
 */
export type Inline =
  | { kind: 'text' | 'code' | 'person'; text: string }
  | { kind: 'bold' | 'italic' | 'strike'; inside: Inline[] }
  | { kind: 'link'; text: string; href: string }
export interface Item {
  box: boolean | null
  text: Inline[]
  lists: List[]
}
export interface List {
  kind: 'ul' | 'ol'
  start: number
  items: Item[]
}
export type Align = 'left' | 'center' | 'right' | null
export type Block =
  | { kind: 'p' | 'head' | 'quote'; lines: Inline[][] }
  | { kind: 'code'; text: string }
  | { kind: 'rule' }
  | { kind: 'table'; align: Align[]; head: Inline[][]; rows: Inline[][][] }
  | List

/** Deeper than this nobody means it. */
const DEEPEST = 5
const WIDEST = 30

const URL_END = /[.,;:!?，。；：！？）)】」]+$/
/** What may stand behind a link: the web, and nothing that runs. */
function safe(href: string): string | null {
  try {
    const u = new URL(href)
    return u.protocol === 'https:' || u.protocol === 'http:' ? u.href : null
  } catch {
    return null
  }
}

/** The marks: by what a run begins, how it goes on, and what becomes of it. The first that fits. */
const marks: { sign: string; run: RegExp; kind: 'bold' | 'italic' | 'strike'; also?: 'italic'; word?: RegExp }[] = [
  { sign: '*', run: /\*\*\*(?=\S)([^*]{1,400})(?<=\S)\*\*\*/y, kind: 'bold', also: 'italic' },
  { sign: '*', run: /\*\*(?=\S)(.{1,400}?)(?<=\S)\*\*/y, kind: 'bold' },
  // 10*20*30 is a size, and a_file_name a name
  { sign: '*', run: /\*(?=\S)([^*]{1,400})(?<=\S)\*(?![*A-Za-z0-9])/y, kind: 'italic', word: /[*A-Za-z0-9]/ },
  { sign: '_', run: /_(?=\S)([^_]{1,400})(?<=\S)_(?![_\p{L}\p{N}])/uy, kind: 'italic', word: /[_\p{L}\p{N}]/u },
  { sign: '~', run: /~~(?=\S)(.{1,400}?)(?<=\S)~~/y, kind: 'strike' },
]

export function inline(text: string, people: string[], depth = 0): Inline[] {
  const out: Inline[] = []
  let plain = ''
  const push = (i: Inline): void => {
    if (plain) out.push({ kind: 'text', text: plain })
    plain = ''
    out.push(i)
  }
  const named = people.toSorted((a, b) => b.length - a.length)
  // what a sign may begin, looked for at its very place and no further than a sentence goes: long texts stay quick
  const here = (r: RegExp, at: number): RegExpExecArray | null => {
    r.lastIndex = at
    return r.exec(text)
  }
  for (let at = 0; at < text.length;) {
    const c = text[at]!
    let run: RegExpExecArray | null = null
    const mark =
      depth < DEEPEST
        ? marks.find(m => m.sign === c && !m.word?.test(text[at - 1] ?? '') && (run = here(m.run, at)))
        : undefined
    const code = c === '`' ? here(/`([^`]{1,400})`/y, at) : null
    const link = c === '[' ? here(/\[([^\][]{1,200})\]\(([^()\s]{1,1000})\)/y, at) : null
    const bare = c === 'h' ? here(/https?:\/\/[^\s<>"，。；（）]{1,1000}/y, at) : null
    const person = c === '@' ? named.find(n => n && text.startsWith(n, at + 1)) : undefined
    if (mark) {
      const [whole, body] = run!
      const inside = inline(body!, people, depth + 1)
      push({ kind: mark.kind, inside: mark.also ? [{ kind: mark.also, inside }] : inside })
      at += whole.length
    } else if (code) {
      push({ kind: 'code', text: code[1]! })
      at += code[0].length
    } else if (link && safe(link[2]!)) {
      push({ kind: 'link', text: link[1]!, href: safe(link[2]!)! })
      at += link[0].length
    } else if (bare) {
      const url = bare[0].replace(URL_END, '')
      const href = safe(url)
      if (href) push({ kind: 'link', text: url, href })
      else plain += url
      at += url.length
    } else if (person) {
      push({ kind: 'person', text: '@' + person })
      at += person.length + 1
    } else {
      plain += c
      at++
    }
  }
  if (plain) out.push({ kind: 'text', text: plain })
  return out
}

/** The cells of a line of a table, without the bars at its ends; `\|` is a bar in a cell. */
function cells(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '')
  return inner.split(/(?<!\\)\|/).map(c => c.trim().replaceAll('\\|', '|'))
}
const BELOW_HEAD = /^[\s|:-]+$/
/** What the line below a table's head says of its columns; null where it is no such line. */
function alignment(line: string | undefined, columns: number): Align[] | null {
  if (!line?.includes('|') || !BELOW_HEAD.test(line)) return null
  const said = cells(line)
  if (said.length !== columns || columns > WIDEST || !said.every(c => /^:?-+:?$/.test(c))) return null
  return said.map(c => (c.endsWith(':') ? (c.startsWith(':') ? 'center' : 'right') : c.startsWith(':') ? 'left' : null))
}

/** The same without its signs, on one line: for where a note is only mentioned. */
export function plain(source: string): string {
  const words = (of: Inline[]): string => of.map(x => ('inside' in x ? words(x.inside) : x.text)).join('')
  const items = (l: List): string[] => l.items.flatMap(x => [words(x.text), ...x.lists.flatMap(items)])
  return markdown(source)
    .flatMap(b => {
      if ('lines' in b) return b.lines.map(words)
      if ('items' in b) return items(b)
      if (b.kind === 'table') return [b.head, ...b.rows].flatMap(r => r.map(words))
      return b.kind === 'code' ? [b.text] : []
    })
    .join(' ')
    .replaceAll(/\s+/g, ' ')
    .trim()
}

const wide = (space: string): number => space.replaceAll('\t', '    ').length

export function markdown(source: string, people: string[] = []): Block[] {
  const out: Block[] = []
  const lines = source.replaceAll('\r\n', '\n').split('\n')
  const last = (): Block | undefined => out.at(-1)
  const words = (s: string): Inline[] => inline(s, people)
  let gap = true
  // the lists that are open, the outermost first, with how far their items stand in
  let open: { in: number; list: List }[] = []
  const add = (item: Item, kind: List['kind'], start: number, indent: number): void => {
    while (open.length > 1 && indent < open.at(-1)!.in) open.pop()
    const top = open.at(-1)
    if (top && indent >= top.in + 2 && open.length < DEEPEST) {
      const list: List = { kind, start, items: [item] }
      top.list.items.at(-1)!.lists.push(list)
      open.push({ in: indent, list })
    } else if (top?.list.kind === kind) top.list.items.push(item)
    else {
      const list: List = { kind, start, items: [item] }
      const above = open.at(-2)
      if (above) above.list.items.at(-1)!.lists.push(list)
      else out.push(list)
      open.splice(-1, 1, { in: top?.in ?? indent, list })
    }
  }
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!
    if (/^```/.test(line)) {
      const code: string[] = []
      while (++i < lines.length && !/^```/.test(lines[i]!)) code.push(lines[i]!)
      out.push({ kind: 'code', text: code.join('\n') })
      gap = true
      continue
    }
    if (!line.trim()) {
      gap = true
      continue
    }
    if (gap) open = []
    if (/^\s{0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/.test(line)) {
      out.push({ kind: 'rule' })
      gap = true
      continue
    }
    const columns = line.includes('|') ? cells(line) : []
    const align = columns.length ? alignment(lines[i + 1], columns.length) : null
    if (align) {
      const rows: Inline[][][] = []
      for (i += 2; i < lines.length && lines[i]!.includes('|'); i++) {
        const row = cells(lines[i]!)
        rows.push(align.map((_, k) => words(row[k] ?? '')))
      }
      i--
      out.push({ kind: 'table', align, head: columns.map(words), rows })
      gap = true
      continue
    }
    const head = /^#{1,4}\s+(.+)$/.exec(line)
    const item = /^(\s*)(?:([-*•])|(\d{1,3})[.、])\s+(?:\[([ xX])\]\s+)?(.+)$/.exec(line)
    const quote = /^>\s?(.*)$/.exec(line)
    if (item && !head) {
      const [, space, bullet, number, box, text] = item
      const entry = { box: box === undefined ? null : box !== ' ', text: words(text!), lists: [] }
      add(entry, bullet ? 'ul' : 'ol', Number(number ?? 1), wide(space!))
      gap = false
      continue
    }
    open = []
    if (head) out.push({ kind: 'head', lines: [words(head[1]!)] })
    else {
      const kind = quote ? 'quote' : 'p'
      const text = words(quote ? quote[1]! : line)
      const block = last()
      if (!gap && block?.kind === kind) block.lines.push(text)
      else out.push({ kind, lines: [text] })
    }
    gap = !!head
  }
  return out
}
