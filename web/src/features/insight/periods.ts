/** Quarters and years by the day they begin with. A fiscal year goes by both years it lies in: of one alone, some mean
    the year that it begins in and some the one that it ends in. */
export function periodName(
  first: string,
  by: 'quarter' | 'year',
  fiscalMonth: number,
  t: (key: string, named: Record<string, unknown>) => string,
): string {
  const month = Number(first.slice(5, 7)),
    begun = Number(first.slice(0, 4)) - (month < fiscalMonth ? 1 : 0)
  const q = Math.floor(((month - fiscalMonth + 12) % 12) / 3) + 1
  if (fiscalMonth === 1) return by === 'year' ? String(begun) : t('cohort.quarter', { y: begun, q })
  const y = String(begun % 100).padStart(2, '0') + '/' + String((begun + 1) % 100).padStart(2, '0')
  return by === 'year' ? t('cohort.fiscal-year', { y }) : t('cohort.fiscal-quarter', { y, q })
}
