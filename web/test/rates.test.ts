import { describe, expect, it } from 'vitest'
import {
  dated,
  merge,
  newRow,
  ratesOf,
  readDay,
  readLines,
  readRate,
  rowsOf,
  unlike,
  wrongRows,
} from '../src/features/admin/rates'

const known = (c: string): boolean => ['USD', 'EUR', 'JPY'].includes(c)
const bare = (rows: { code: string; from: string | null; rate: string }[]): string[] =>
  rows.map(r => `${r.code} ${r.from} ${r.rate}`)

describe('exchange rates', () => {
  it('go from the server to rows and back as they were', () => {
    const rates = {
      JPY: [{ from: null, rate: 0.000047 }],
      USD: [
        { from: null, rate: 6.9 },
        { from: '2024-03-01', rate: 7.1 },
      ],
    }
    const rows = rowsOf(rates)
    expect(bare(rows)).toEqual(['JPY null 0.000047', 'USD 2024-03-01 7.1', 'USD null 6.9'])
    expect(ratesOf(rows).rates).toEqual(rates)
    expect(bare(ratesOf([...rows].reverse()).order.USD!)).toEqual(['USD null 6.9', 'USD 2024-03-01 7.1'])
  })
  it('are numbers above zero', () => {
    expect(['7.1', '1,234.5', ' 7 ', '.5', '7.'].map(readRate)).toEqual([7.1, 1234.5, 7, 0.5, 7])
    for (const bad of ['', '0', '-7', '7e2', 'x', '7.1.2', '0.0000001', '1e10', '2000000000'])
      expect(readRate(bad), bad).toBeNull()
  })
  it('begin once a day', () => {
    const rows = [
      newRow('USD', null, '7'),
      newRow('USD', '2024-01-01', ''),
      newRow('USD', null, '8'),
      newRow('EUR', null, '8'),
    ]
    expect([...wrongRows(rows)]).toEqual([
      [rows[1]!.key, 'number'],
      [rows[2]!.key, 'twice'],
    ])
  })
  it('know days as people write them', () => {
    expect(['2024-03-01', '2024/3/1', '2024.3.1', '2024年3月1日', '2024-03', '2024年3月'].map(readDay)).toEqual(
      Array(6).fill('2024-03-01'),
    )
    for (const bad of ['2024-02-30', '2024-13-01', '01.03.2024', '24-03-01', 'x', '2024'])
      expect(readDay(bad), bad).toBeNull()
  })
  it('are read from a list, and each wrong line is named', () => {
    const read = readLines(
      '\uFEFF货币,日期,汇率\r\n\r\nusd, 2024/3/1 ,7.1\r\nEUR\t2024-04\t7.8\nJPY;;0.047\n',
      'CNY',
      known,
    )
    expect(read.wrong).toEqual([])
    expect(bare(read.rows)).toEqual(['USD 2024-03-01 7.1', 'EUR 2024-04-01 7.8', 'JPY null 0.047'])
    const lines = [
      'USD,2024-03-01,7.1',
      'USD,2024-03-01',
      'XXQ,2024-03-01,7',
      'CNY,2024-03-01,1',
      'USD,x,7',
      'USD,2024-04-01,x',
      'USD,2024-03-01,7',
    ]
    expect(readLines(lines.join('\n'), 'CNY', known).wrong).toEqual(
      ['parts', 'currency', 'base', 'day', 'number', 'twice'].map((fault, i) => ({ line: i + 2, fault })),
    )
  })
  it('of a list take the place of those of the same day', () => {
    const rows = [newRow('USD', '2024-01-01', '7'), newRow('USD', null, '6'), newRow('EUR', '2024-01-01', '8')]
    expect(bare(merge(rows, [newRow('USD', '2024-01-01', '7.5'), newRow('USD', '2024-02-01', '7.6')]))).toEqual([
      'USD null 6',
      'EUR 2024-01-01 8',
      'USD 2024-01-01 7.5',
      'USD 2024-02-01 7.6',
    ])
  })
  it('are told apart for the audit, those of before dates, too', () => {
    const now = {
      USD: [
        { from: null, rate: 7.1 },
        { from: '2024-01-01', rate: 7.2 },
      ],
    }
    expect(unlike(now, dated({ USD: 7.1, EUR: 8 }))).toEqual([{ code: 'USD', from: '2024-01-01', rate: 7.2 }])
    expect(unlike(dated({ USD: 7.1, EUR: 8 }), now)).toEqual([{ code: 'EUR', from: null, rate: 8 }])
  })
})
