interface Figures {
  figure: string
  interval: string
  low: number
  mid: number
  high: number
  grades: { grade: string; share: number; text: string; customers: string }[]
}

const WIDTH = 720,
  HEIGHT = 146,
  RATIO = 2,
  BARS = 330

/** The equity as a picture: the figure with its interval at the left, the grades at the right. */
export function equityPicture(f: Figures): HTMLCanvasElement | null {
  const canvas = document.createElement('canvas')
  canvas.width = WIDTH * RATIO
  canvas.height = HEIGHT * RATIO
  const c = canvas.getContext('2d')
  if (!c) return null
  const style = getComputedStyle(document.documentElement)
  const v = (name: string): string => style.getPropertyValue('--' + name).trim()
  const text = (s: string, x: number, y: number, font: string, color: string): void => {
    c.font = font
    c.fillStyle = v(color)
    c.fillText(s, x, y)
  }
  c.scale(RATIO, RATIO)
  c.fillStyle = v('paper')
  c.fillRect(0, 0, WIDTH, HEIGHT)
  text(f.figure, 0, 70, `600 52px ${v('font-figure')}`, 'ink')
  text(f.interval, 0, 100, `400 13px ${v('font-ui')}`, 'ink-2')

  const from = f.low - (f.high - f.low) * 0.2,
    span = (f.high - f.low) * 1.4 || 1
  const x = (value: number): number => ((value - from) / span) * (BARS - 50)
  c.fillStyle = v('rule-2')
  c.fillRect(0, 124, BARS - 50, 1)
  c.fillStyle = v('chart-band')
  c.fillRect(x(f.low), 121, x(f.high) - x(f.low), 7)
  c.fillStyle = v('chart-1')
  c.fillRect(x(f.mid) - 1, 117, 2, 15)

  const most = Math.max(...f.grades.map(g => g.share), 1e-9)
  f.grades.forEach((g, i) => {
    const y = 42 + i * 40
    text(g.grade, BARS, y, `600 17px ${v('font-figure')}`, 'ink')
    c.fillStyle = v('mark-' + g.grade.toLowerCase())
    c.fillRect(BARS + 26, y - 11, Math.max(2, (g.share / most) * 120), 10)
    text(g.text, BARS + 160, y, `600 13px ${v('font-ui')}`, 'ink')
    text(g.customers, BARS + 290, y, `400 12px ${v('font-ui')}`, 'ink-2')
  })
  return canvas
}
