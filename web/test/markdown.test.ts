import { describe, expect, it } from 'vitest'
import { inline, markdown } from '../src/ui/markdown'

const kinds = (s: string, people: string[] = []): string[] => inline(s, people).map(x => `${x.kind}:${x.text}`)

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
    expect(kinds('a **b** `c` 2 ** 3')).toEqual(['text:a ', 'bold:b', 'text: ', 'code:c', 'text: 2 ** 3'])
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
    ])
      markdown(s, ['x'])
    expect(Date.now() - began).toBeLessThan(1500)
  })
})
