interface Row {
  name: string
  customers: string
  share: number
  fading: boolean
  revenue: string
  worth: string
}

const WIDTH = 720,
  ROW = 26,
  RATIO = 2,
  BAR = 130

/** The segments as a picture: name, bar, customers, revenue, future value. */
export function segmentPicture(head: string[], rows: Row[]): HTMLCanvasElement | null {
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH * RATIO
  canvas.height = (rows.length + 1) * ROW * RATIO
  const c = canvas.getContext('2d')
  if (!c) return null
  const style = getComputedStyle(document.documentElement)
  const v = (name: string): string => style.getPropertyValue('--' + name).trim()
  const text = (s: string, x: number, y: number, color: string, right = false): void => {
    c.font = `400 13px ${v('font-ui')}`
    c.textAlign = right ? 'right' : 'left'
    c.fillStyle = v(color)
    c.fillText(s, x, y)
  }
  c.scale(RATIO, RATIO)
  c.fillStyle = v('paper')
  c.fillRect(0, 0, WIDTH, (rows.length + 1) * ROW)
  const line = (cells: string[], y: number, color: string): void => {
    text(cells[0] ?? '', 0, y, color)
    text(cells[1] ?? '', 400, y, color, true)
    text(cells[2] ?? '', 550, y, color, true)
    text(cells[3] ?? '', WIDTH, y, color, true)
  }
  line(head, 17, 'ink-2')
  const most = Math.max(...rows.map(r => r.share), 1e-9)
  rows.forEach((r, i) => {
    const top = (i + 1) * ROW
    c.fillStyle = v('rule')
    c.fillRect(0, top, WIDTH, 1)
    line([r.name, r.customers, r.revenue, r.worth], top + 17, 'ink')
    c.fillStyle = v(r.fading ? 'chart-2' : 'chart-1')
    c.fillRect(160, top + 8, (r.share / most) * BAR, 10)
  })
  return canvas
}
