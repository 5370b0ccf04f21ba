import { describe, expect, it } from 'vitest'
import { periodName } from '../src/features/insight/periods'

const t = (key: string, named: Record<string, unknown>): string => [key.slice(7), ...Object.values(named)].join(' ')
const name = (first: string, by: 'quarter' | 'year', month: number): string => periodName(first, by, month, t)

describe('a period of cohorts', () => {
  it('of a calendar year has one year', () => {
    expect(name('2025-01-01', 'year', 1)).toBe('2025')
    expect(name('2025-10-01', 'quarter', 1)).toBe('quarter 2025 4')
  })
  it('of a fiscal year has both years that it lies in', () => {
    expect(name('2025-04-01', 'year', 4)).toBe('fiscal-year 25/26')
    expect(name('2025-04-01', 'quarter', 4)).toBe('fiscal-quarter 25/26 1')
    expect(name('2026-01-01', 'quarter', 4)).toBe('fiscal-quarter 25/26 4')
    expect(name('1999-12-01', 'quarter', 12)).toBe('fiscal-quarter 99/00 1')
    expect(name('2008-11-01', 'quarter', 2)).toBe('fiscal-quarter 08/09 4')
    expect(name('2009-02-01', 'year', 2)).toBe('fiscal-year 09/10')
  })
})
