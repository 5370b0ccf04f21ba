import { describe, expect, it } from 'vitest'
import {
  bodyOf,
  compute,
  emptyLine,
  grouped,
  minorText,
  scaled,
  times,
  total,
  type Line,
} from '../src/features/orders/lines'

const line = (l: Partial<Line>): Line => ({ ...emptyLine(), ...l })

describe('order lines', () => {
  it('reads decimals exactly, or not at all', () => {
    expect(scaled('1,234.5', 2)).toBe(123450n)
    expect(scaled('−3', 0)).toBe(-3n)
    expect(scaled('.25', 4)).toBe(2500n)
    expect(scaled('1.2300', 2)).toBe(123n)
    for (const bad of ['', 'x', '1.234', '1..2', '-', '1e3']) expect(scaled(bad, 2), bad).toBeNull()
  })
  it('rounds half away from zero', () => {
    expect([5n, -5n, 4n, -4n, 15n].map(v => times(v, 1n, 10n))).toEqual([1n, -1n, 0n, 0n, 2n])
  })
  it('computes a line as the server does', () => {
    // the figures of tests/api/test_orders.py
    const c = compute(line({ quantity: '2.5', list_price: '46.00', discount: '12.5', unit_cost: '25.30' }), 2)
    expect(c).toEqual({ price: 4025n, amount: 10063n, cost: 6325n })
    expect(compute(line({ quantity: '3', list_price: '5' }), 2).amount).toBe(1500n)
    expect(compute(line({ quantity: '3', list_price: '5', price: '4.5' }), 2).amount).toBe(1350n)
    expect(compute(line({ quantity: '1', discount: '10' }), 2).price).toBeNull()
    expect(compute(line({ quantity: '1', list_price: '5', discount: '101' }), 2).price).toBeNull()
  })
  it('has no cost while one line has none', () => {
    const known = line({ price: '10', unit_cost: '4' })
    expect(total([known, known], 2)).toEqual({ amount: 2000n, cost: 800n })
    expect(total([known, line({ price: '1' })], 2)).toEqual({ amount: 1100n, cost: null })
  })
  it('writes minor units', () => {
    expect(['', '7', '1234567.50', '-12345', '999.1234'].map(grouped)).toEqual([
      '',
      '7',
      '1,234,567.50',
      '-12,345',
      '999.1234',
    ])
    expect(scaled(grouped('1234567.50'), 2)).toBe(123456750n)
    expect([minorText(5n, 2), minorText(-12345n, 2), minorText(7n, 0)]).toEqual(['0.05', '-123.45', '7'])
  })
  it('sends a price only where no discount makes it', () => {
    expect(bodyOf(line({ description: 'x', price: '1,000', discount: '' }), 'CNY').price).toEqual({
      amount: '1000',
      currency: 'CNY',
    })
    expect(bodyOf(line({ description: 'x', list_price: '5', price: '4', discount: '10' }), 'CNY').price).toBeNull()
  })
})
