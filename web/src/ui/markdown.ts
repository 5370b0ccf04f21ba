/**
 * A safe subset of Markdown, as a tree that is drawn with elements and texts only: nothing in it is ever HTML. Headings,
 * lists, boxes, quotes, code, bold, links to the web, and colleagues who are named with @.
 */
export type Inline =
  { kind: 'text' | 'bold' | 'code' | 'person'; text: string } | { kind: 'link'; text: string; href: string }
export type Block =
  | { kind: 'p' | 'head' | 'quote'; lines: Inline[][] }
  | { kind: 'code'; text: string }
  | { kind: 'ul' | 'ol'; items: { box: boolean | null; text: Inline[] }[] }

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

export function inline(text: string, people: string[]): Inline[] {
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
    const bold = c === '*' ? here(/\*\*(?=\S)(.{1,400}?)(?<=\S)\*\*/y, at) : null
    const code = c === '`' ? here(/`([^`]{1,400})`/y, at) : null
    const link = c === '[' ? here(/\[([^\][]{1,200})\]\(([^()\s]{1,1000})\)/y, at) : null
    const bare = c === 'h' ? here(/https?:\/\/[^\s<>"，。；（）]{1,1000}/y, at) : null
    const person = c === '@' ? named.find(n => n && text.startsWith(n, at + 1)) : undefined
    if (bold) {
      push({ kind: 'bold', text: bold[1]! })
      at += bold[0].length
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

export function markdown(source: string, people: string[] = []): Block[] {
  const out: Block[] = []
  const lines = source.replaceAll('\r\n', '\n').split('\n')
  const last = (): Block | undefined => out.at(-1)
  let gap = true
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
    const head = /^#{1,4}\s+(.+)$/.exec(line)
    const item = /^\s*(?:([-*•])|\d{1,3}[.、])\s+(?:\[([ xX])\]\s+)?(.+)$/.exec(line)
    const quote = /^>\s?(.*)$/.exec(line)
    if (head) out.push({ kind: 'head', lines: [inline(head[1]!, people)] })
    else if (item) {
      const kind = item[1] ? 'ul' : 'ol'
      const entry = { box: item[2] === undefined ? null : item[2] !== ' ', text: inline(item[3]!, people) }
      const list = last()
      if (!gap && list?.kind === kind) list.items.push(entry)
      else out.push({ kind, items: [entry] })
    } else {
      const kind = quote ? 'quote' : 'p'
      const text = inline(quote ? quote[1]! : line, people)
      const block = last()
      if (!gap && block?.kind === kind) block.lines.push(text)
      else out.push({ kind, lines: [text] })
    }
    gap = !!head
  }
  return out
}
