import { describe, expect, it } from 'vitest'
import { inline, markdown, plain, type Inline, type List } from '../src/ui/markdown'

const flat = (x: Inline): string => `${x.kind}:${'inside' in x ? `(${x.inside.map(flat).join('+')})` : x.text}`
const kinds = (s: string, people: string[] = []): string[] => inline(s, people).map(flat)
/** A list as `kind[text kind[…] …]`. */
const tree = (l: List): string =>
  `${l.kind}[${l.items.map(i => [i.text.map(x => ('text' in x ? x.text : '')).join(''), ...i.lists.map(tree)].join(' ')).join(' ')}]`
const lists = (s: string): string[] => markdown(s).map(b => ('items' in b ? tree(b) : b.kind))

describe('Markdown of notes', () => {
  it('keeps HTML a text', () => {
    const s = '<script>alert(1)</script> <img src=x onerror=alert(1)>'
    expect(inline(s, [])).toEqual([{ kind: 'text', text: s }])
  })
  it('links to the web only', () => {
    for (const bad of ['javascript:alert(1)', 'data:text/html,x', 'vbscript:x', '//x.cn', 'JAVASCRIPT:x'])
      expect(
        inline(`[x](${bad})`, []).some(i => i.kind === 'link'),
        bad,
      ).toBe(false)
    expect(inline('见 https://example.com/a?b=1。', [])).toEqual([
      { kind: 'text', text: '见 ' },
      { kind: 'link', text: 'https://example.com/a?b=1', href: 'https://example.com/a?b=1' },
      { kind: 'text', text: '。' },
    ])
    expect(kinds('[报价](https://x.cn/q)')).toEqual(['link:报价'])
  })
  it('knows bold and code, and leaves lone signs alone', () => {
    expect(kinds('a **b** `c` 2 ** 3')).toEqual(['text:a ', 'bold:(text:b)', 'text: ', 'code:c', 'text: 2 ** 3'])
  })
  it('knows italic and struck out, one in the other', () => {
    expect(kinds('*a* _b_ ~~c~~')).toEqual([
      'italic:(text:a)',
      'text: ',
      'italic:(text:b)',
      'text: ',
      'strike:(text:c)',
    ])
    expect(kinds('**a *b* c**')).toEqual(['bold:(text:a +italic:(text:b)+text: c)'])
    expect(kinds('***a***')).toEqual(['bold:(italic:(text:a))'])
    expect(kinds('~~**@赵倩** [q](https://x.cn/)~~', ['赵倩'])).toEqual(['strike:(bold:(person:@赵倩)+text: +link:q)'])
    expect(kinds('甲*乙*丙')).toEqual(['text:甲', 'italic:(text:乙)', 'text:丙'])
  })
  it('takes a size for a size and a name for a name', () => {
    for (const s of [
      '10*20*30 mm',
      'a_file_name',
      '2 * 3 * 4',
      '2*3*4',
      '__init__',
      '* 星',
      '~约~',
      '**',
      '~~~~',
      '_ _',
    ])
      expect(kinds(s), s).toEqual(['text:' + s])
  })
  it('puts lists into lists, by how far they stand in', () => {
    expect(lists('- a\n  - b\n    1. c\n    2. d\n  - e\n- f')).toEqual(['ul[a ul[b ol[c d] e] f]'])
    expect(lists('1. a\n   - b\n2. c')).toEqual(['ol[a ul[b] c]'])
    expect(lists('  - a\n  - b\n- c')).toEqual(['ul[a b c]'])
    expect(lists('- a\n1. b')).toEqual(['ul[a]', 'ol[b]'])
    expect(lists('- a\n  - b\n  1. c\n- d')).toEqual(['ul[a ul[b] ol[c] d]'])
    expect(lists('- a\n\n- b')).toEqual(['ul[a]', 'ul[b]'])
    expect(markdown('3. a\n4. b')[0]).toMatchObject({ kind: 'ol', start: 3 })
    expect(markdown('- a\n\t- [x] b')[0]).toMatchObject({ items: [{ lists: [{ items: [{ box: true }] }] }] })
    const deep = Array.from({ length: 200 }, (_, i) => ' '.repeat(2 * i) + '- x').join('\n')
    expect(tree(markdown(deep)[0] as List).match(/ul\[/g)!.length).toBeLessThan(7)
  })
  it('draws tables, with what their columns say, and rules', () => {
    const [t, p] = markdown('| 品名 | 价 | x |\n|:--|--:|:-:|\n| *刀* | 1 | a\\|b |\n| 短 |\n后面')
    expect(t).toMatchObject({ kind: 'table', align: ['left', 'right', 'center'] })
    if (t?.kind !== 'table') throw new Error('no table')
    expect(t.head.map(c => c.map(flat).join())).toEqual(['text:品名', 'text:价', 'text:x'])
    expect(t.rows.map(r => r.map(c => c.map(flat).join()))).toEqual([
      ['italic:(text:刀)', 'text:1', 'text:a|b'],
      ['text:短', '', ''],
    ])
    expect(p).toMatchObject({ kind: 'p' })
    expect(markdown('a | b\nc | d').map(b => b.kind)).toEqual(['p'])
    expect(markdown('a | b\n--- | --- | ---').map(b => b.kind)).toEqual(['p'])
    for (const rule of ['---', '***', '- - -', '_____'])
      expect(
        markdown(`a\n${rule}\nb`).map(b => b.kind),
        rule,
      ).toEqual(['p', 'rule', 'p'])
  })
  it('keeps HTML and what runs a text in every part', () => {
    const bad = '<img src=x onerror=alert(1)>[x](javascript:alert(1))'
    for (const s of [`*${bad}*`, `~~${bad}~~`, `- a\n  - ${bad}`, `| ${bad} |\n|---|\n| ${bad} |`]) {
      const all = JSON.stringify(markdown(s))
      expect(all, s).toContain(JSON.stringify(bad).slice(1, -1))
      expect(all, s).not.toContain('"link"')
    }
  })
  it('says a note on one line without its signs', () => {
    expect(plain('### 试刀\n*比上次好*，~~D12~~ **D10**\n- a\n  - `b`\n\n---\n|x|y|\n|-|-|\n|1|2|')).toBe(
      '试刀 比上次好，D12 D10 a b x y 1 2',
    )
    expect(plain('<b>x</b> 10*20*30')).toBe('<b>x</b> 10*20*30')
  })
  it('names colleagues, the longest name first', () => {
    expect(kinds('@赵倩倩 @赵倩，@Ann Lee @nobody', ['赵倩', '赵倩倩', 'Ann Lee'])).toEqual([
      'person:@赵倩倩',
      'text: ',
      'person:@赵倩',
      'text:，',
      'person:@Ann Lee',
      'text: @nobody',
    ])
  })
  it('builds blocks', () => {
    const b = markdown('# 拜访\n第一行\n第二行\n\n- [x] 样品\n- [ ] 报价\n1. 一\n> 引\n```\n**x**\n```')
    expect(b.map(x => x.kind)).toEqual(['head', 'p', 'ul', 'ol', 'quote', 'code'])
    expect(b[1]).toMatchObject({ lines: [[{ text: '第一行' }], [{ text: '第二行' }]] })
    expect(b[2]).toMatchObject({ items: [{ box: true }, { box: false }] })
    expect(b[5]).toEqual({ kind: 'code', text: '**x**' })
  })
  it('stays quick on long and hostile texts', () => {
    const began = Date.now()
    for (const s of [
      '*'.repeat(20_000),
      '`'.repeat(20_000),
      '['.repeat(20_000),
      '@'.repeat(20_000),
      '**a'.repeat(6000),
      '*a '.repeat(6000),
      '_a '.repeat(6000),
      '~~a'.repeat(6000),
      '*_~~'.repeat(5000),
      '|'.repeat(10_000) + '\n' + '|-'.repeat(5000),
      '|a|\n|-|\n'.repeat(2000),
      '-|'.repeat(10_000) + '\n' + '-|'.repeat(10_000),
      '- '.repeat(10_000),
      ' '.repeat(20_000) + '-',
    ])
      markdown(s, ['x'])
    expect(Date.now() - began).toBeLessThan(1500)
  })
})
