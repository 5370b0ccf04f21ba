const RATIO = 2,
  PAD = 20

/** The colours and faces of the page as it is now: a picture looks like what was on the screen. */
function look() {
  const s = getComputedStyle(document.documentElement)
  const v = (name: string): string => s.getPropertyValue('--' + name).trim()
  return { paper: v('paper'), ink: v('ink'), ink2: v('ink-2'), ink3: v('ink-3'), rule: v('rule-ink'), ui: v('font-ui') }
}

/** Breaks a sentence into lines that fit: between words, and between Chinese characters. */
function wrap(c: CanvasRenderingContext2D, text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.match(/[\u3000-\u9fff\uff00-\uffef]|[^\s\u3000-\u9fff\uff00-\uffef]+\s*|\s+/g) ?? []) {
    const hangs = /^[，。；：、）」]$/.test(word)
    if (line && !hangs && c.measureText((line + word).trimEnd()).width > width) {
      lines.push(line.trimEnd())
      line = ''
    }
    line += word
  }
  return line ? [...lines, line.trimEnd()] : lines
}

/** A chart with its title, its sentence and where it comes from, to be put into a letter or a deck. */
export function picture(title: string, sentence: string, foot: string, chart: HTMLCanvasElement): Promise<Blob | null> {
  const l = look()
  const width = chart.width / RATIO,
    height = chart.height / RATIO
  const canvas = document.createElement('canvas')
  const c = canvas.getContext('2d')
  if (!c) return Promise.resolve(null)
  const read = `400 14px ${l.ui}`
  c.font = read
  const lines = wrap(c, sentence, width)
  const top = PAD + 34 + lines.length * 21 + 10
  canvas.width = (width + 2 * PAD) * RATIO
  canvas.height = (top + height + 34 + PAD) * RATIO
  c.scale(RATIO, RATIO)
  c.fillStyle = l.paper
  c.fillRect(0, 0, canvas.width, canvas.height)
  c.fillStyle = l.rule
  c.fillRect(PAD, PAD, width, 1.5)
  c.textBaseline = 'alphabetic'
  c.font = `600 15px ${l.ui}`
  c.fillStyle = l.ink
  c.fillText(title, PAD, PAD + 25)
  c.font = read
  c.fillStyle = l.ink2
  lines.forEach((text, i) => c.fillText(text, PAD, PAD + 49 + i * 21))
  c.drawImage(chart, PAD, top, width, height)
  c.font = `400 12px ${l.ui}`
  c.fillStyle = l.ink3
  c.fillText(foot, PAD, top + height + 26)
  return new Promise(done => canvas.toBlob(done, 'image/png'))
}
