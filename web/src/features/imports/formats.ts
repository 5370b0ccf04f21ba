/** The dates a file may be read by, and how a Chinese reader calls them. */
export const dateFormats: Record<string, string> = {
  'YYYY-MM-DD': '年-月-日',
  'YYYY/MM/DD': '年/月/日',
  'YYYY.MM.DD': '年.月.日',
  YYYYMMDD: '年月日，八位',
  'DD/MM/YYYY': '日/月/年',
  'MM/DD/YYYY': '月/日/年',
  'DD.MM.YYYY': '日.月.年',
  YYYY年MM月DD日: 'YYYY年MM月DD日',
}
/** What is offered, with what the file has in front when it is none of it. */
export const withOwn = (list: string[], own: string): string[] => (own && !list.includes(own) ? [own, ...list] : list)
