import { describe, expect, it } from 'vitest'
import {
  bytes,
  capped,
  date,
  dayHead,
  dayOf,
  duration,
  interval,
  moment,
  money,
  moneyFull,
  number,
  percent,
  range,
  relativeDay,
  scaleFor,
  signed,
} from '../src/ui/format'

describe('the head of a day', () => {
  it('names today, then the day of the week, then the year', () => {
    expect(dayHead('2026-11-20', 'zh', '2026-11-20')).toBe('今天')
    expect(dayHead('2026-11-19', 'en', '2026-11-20')).toBe('yesterday')
    expect(dayHead('2026-11-18', 'zh', '2026-11-20')).toBe('11月18日 周三')
    expect(dayHead('2026-11-18', 'en', '2026-11-20')).toBe('Wed 18 Nov')
    expect(dayHead('2025-08-28', 'en', '2026-11-20')).toBe('28 Aug 2025')
  })
})

describe('money', () => {
  it('counts in 万 and 亿 in Chinese', () => {
    expect(money('862000.00', 'CNY', 'zh')).toBe('¥86.2 万')
    expect(money('48620000', 'CNY', 'zh')).toBe('¥4,862 万')
    expect(money('120000000', 'CNY', 'zh')).toBe('¥1.2 亿')
    expect(money(99_994_000, 'CNY', 'zh')).toBe('¥9,999 万')
    expect(money(99_999_000, 'CNY', 'zh')).toBe('¥1.0 亿')
  })
  it('counts in k, M and B in English', () => {
    expect(money('862000.00', 'CNY', 'en')).toBe('¥862 k')
    expect(money('48620000', 'CNY', 'en')).toBe('¥48.62 M')
    expect(money('15700', 'USD', 'en')).toBe('$15.7 k')
    expect(money(999_600, 'USD', 'en')).toBe('$1.00 M')
    expect(money(1.2e9, 'EUR', 'en')).toBe('€1.20 B')
  })
  it('keeps small sums exact and signs true', () => {
    expect(money('41.2', 'USD', 'en')).toBe('$41.20')
    expect(money('0', 'USD', 'zh')).toBe('$0')
    expect(money('-38000', 'CNY', 'zh')).toBe('−¥3.8 万')
    expect(money(null, 'CNY', 'zh')).toBe('–')
    expect(money({ amount: '1234.50', currency: 'CNY' }, 'CNY', 'en')).toBe('¥1.2 k')
  })
  it('writes every digit in ledgers, by the decimals of the currency', () => {
    expect(moneyFull('146200', 'CNY')).toBe('146,200.00')
    expect(moneyFull('146200', 'JPY')).toBe('146,200')
    expect(moneyFull('-0.5', 'USD', true)).toBe('−$0.50')
  })
})

describe('intervals', () => {
  it('names the unit once', () => {
    expect(range(614000, 1148000, 'zh')).toBe('61.4 – 114.8 万')
    expect(interval(43_910_000, 53_770_000, 'en')).toBe('80% interval 43.91 – 53.77 M')
    expect(interval('614000', '1148000', 'zh')).toBe('80% 区间 61.4 – 114.8 万')
    expect(interval(1, 2, 'en', 95)).toBe('95% interval 1.00 – 2.00')
    expect(range(0, 250, 'en')).toBe('0 – 250')
    expect(range(null, 3, 'en')).toBe('–')
  })
  it('chooses the scale by the larger end', () => {
    expect(scaleFor(9_999, 'zh').unit).toBe('')
    expect(scaleFor(10_000, 'zh').unit).toBe('万')
    expect(scaleFor(-2_000_000, 'en').unit).toBe('M')
  })
})

describe('numbers', () => {
  it('uses a true minus and never a minus zero', () => {
    expect(number(-1234)).toBe('−1,234')
    expect(number(-0.001, 1)).toBe('0.0')
    expect(signed(0.8, 1)).toBe('+0.8')
    expect(signed(-0.4, 1)).toBe('−0.4')
    expect(percent(0.018, 1)).toBe('1.8%')
    expect(number('abc')).toBe('–')
  })
  it('says where counting stopped', () => {
    expect(capped({ value: 1001, capped: true })).toBe('1,000+')
    expect(capped({ value: 312, capped: false })).toBe('312')
    expect(capped(null)).toBe('')
  })
  it('sizes files and spans of time', () => {
    expect(bytes(4_800_000)).toBe('4.8 MB')
    expect(bytes(512)).toBe('512 B')
    expect(duration(8.2, 'zh')).toBe('8 秒')
    expect(duration(0.05, 'en')).toBe('under 1 s')
    expect(duration(300, 'en')).toBe('5 min')
  })
})

describe('dates', () => {
  const today = '2026-11-20'
  it('drops the year within it', () => {
    expect(date('2026-11-20', 'zh', today)).toBe('11月20日')
    expect(date('2026-11-20', 'en', today)).toBe('20 Nov')
    expect(date('1998-06-30', 'zh', today)).toBe('1998-06-30')
    expect(date('1998-06-30', 'en', today)).toBe('30 Jun 1998')
    expect(date(null, 'en', today)).toBe('–')
  })
  it('is relative up to 180 days', () => {
    expect(relativeDay('2026-11-04', 'zh', today)).toBe('16 天前')
    expect(relativeDay('2026-11-04', 'en', today)).toBe('16 days ago')
    expect(relativeDay('2026-11-20', 'zh', today)).toBe('今天')
    expect(relativeDay('2026-11-19', 'en', today)).toBe('yesterday')
    expect(relativeDay('2026-11-23', 'zh', today)).toBe('3 天后')
    expect(relativeDay('2026-01-01', 'en', today)).toBe('1 Jan')
  })
  it('cuts days in the zone of the company', () => {
    const late = Date.UTC(2026, 10, 19, 17, 30)
    expect(dayOf(late, 'Asia/Shanghai')).toBe('2026-11-20')
    expect(dayOf(late, 'UTC')).toBe('2026-11-19')
    expect(moment(late, 'zh', 'Asia/Shanghai', Date.UTC(2026, 10, 20, 3))).toBe('今天 01:30')
    expect(moment(late, 'en', 'UTC', Date.UTC(2026, 10, 20, 3))).toBe('yesterday 17:30')
  })
})
