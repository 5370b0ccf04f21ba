import { describe, expect, it } from 'vitest'
import en from '../src/locales/en.json'
import zh from '../src/locales/zh.json'
import { answers, offers } from '../src/shell/palette'

const say = (texts: object, label: string): string =>
  label.split('.').reduce<unknown>((o, k) => (o as Record<string, unknown>)[k], texts) as string
const found = (typed: string, texts: object = en): string[] =>
  offers.filter(o => answers(o, say(texts, o.label), typed)).map(o => o.id)

describe('The palette', () => {
  it('has a text in both languages for all it offers, and each id once', () => {
    for (const o of offers) for (const texts of [en, zh]) expect(typeof say(texts, o.label), o.label).toBe('string')
    expect(new Set(offers.map(o => o.id)).size).toBe(offers.length)
  })
  it('does something or goes somewhere, never both', () => {
    for (const o of offers) expect(!!o.to !== !!o.act, o.id).toBe(true)
  })
  it('shows little before anything is typed', () => {
    expect(found('')).toContain('new-customer')
    expect(found('')).not.toContain('do-sign-out')
    expect(found('')).not.toContain('go-admin-audit')
  })
  it('answers to the words of either language, by sound and first letters', () => {
    expect(found('audit')).toEqual(['go-admin-audit'])
    expect(found('js')).toContain('go-admin-roles')
    expect(found('sign out')).toEqual(['do-sign-out'])
    expect(found('导出', zh)).toEqual(['do-xlsx', 'do-csv'])
    expect(found('dark')).toEqual(['do-dark'])
    expect(found('rates')).toEqual(['go-admin-company'])
  })
})
