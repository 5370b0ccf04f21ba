import { BarChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts'
import {
  AriaComponent,
  GraphicComponent,
  GridComponent,
  MarkAreaComponent,
  MarkLineComponent,
  MarkPointComponent,
  TooltipComponent,
} from 'echarts/components'
import * as core from 'echarts/core'
import { LabelLayout } from 'echarts/features'
import { CanvasRenderer } from 'echarts/renderers'

core.use([
  BarChart,
  LineChart,
  ScatterChart,
  HeatmapChart,
  GridComponent,
  TooltipComponent,
  MarkLineComponent,
  MarkAreaComponent,
  MarkPointComponent,
  GraphicComponent,
  AriaComponent,
  LabelLayout,
  CanvasRenderer,
])

export type Ink = Record<
  | 'ink'
  | 'ink2'
  | 'ink3'
  | 'paper'
  | 'raised'
  | 'sunk'
  | 'rule2'
  | 'grid'
  | 'band'
  | 'c1'
  | 'c2'
  | 'c3'
  | 'c4'
  | 'c5'
  | 'c6'
  | 'ui'
  | 'figure'
  | 'markA'
  | 'markB'
  | 'markC'
  | 'heatLight'
  | 'heatDark'
  | 'h0'
  | 'h1'
  | 'h2'
  | 'h3'
  | 'h4'
  | 'h5',
  string
>

/** The tokens as they are now; charts are painted, so they must be told. */
export function readInk(): Ink {
  const s = getComputedStyle(document.documentElement)
  const v = (n: string): string => s.getPropertyValue('--' + n).trim()
  return {
    ink: v('ink'),
    ink2: v('ink-2'),
    ink3: v('ink-3'),
    paper: v('paper'),
    raised: v('paper-raised'),
    sunk: v('paper-sunk'),
    rule2: v('rule-2'),
    grid: v('chart-grid'),
    band: v('chart-band'),
    c1: v('chart-1'),
    c2: v('chart-2'),
    c3: v('chart-3'),
    c4: v('chart-4'),
    c5: v('chart-5'),
    c6: v('chart-6'),
    ui: v('font-ui'),
    figure: v('font-figure'),
    markA: v('mark-a'),
    markB: v('mark-b'),
    markC: v('mark-c'),
    heatLight: v('heat-on-light'),
    heatDark: v('heat-on-dark'),
    h0: v('heat-0'),
    h1: v('heat-1'),
    h2: v('heat-2'),
    h3: v('heat-3'),
    h4: v('heat-4'),
    h5: v('heat-5'),
  }
}

export function registerInk(k: Ink): void {
  const category = {
    axisLine: { lineStyle: { color: k.rule2 } },
    axisTick: { show: false },
    axisLabel: { color: k.ink3, fontSize: 12 },
    splitLine: { show: false },
  }
  const value = {
    axisLine: { show: false },
    axisTick: { show: false },
    axisLabel: { color: k.ink3, fontSize: 11 },
    splitLine: { lineStyle: { color: k.grid } },
  }
  core.registerTheme('ink', {
    color: [k.c1, k.c2, k.c3, k.c4, k.c5, k.c6],
    backgroundColor: 'transparent',
    textStyle: { fontFamily: k.ui, fontSize: 12, color: k.ink2 },
    categoryAxis: category,
    timeAxis: category,
    valueAxis: value,
    logAxis: value,
    line: { lineStyle: { width: 1.5 }, symbol: 'none', smooth: false },
    scatter: { itemStyle: { opacity: 0.55, borderWidth: 1 } },
    tooltip: {
      backgroundColor: k.raised,
      borderColor: k.rule2,
      borderWidth: 1,
      padding: [8, 12],
      textStyle: { color: k.ink, fontSize: 13 },
      extraCssText: 'border-radius:3px;box-shadow:var(--lift-1)',
      axisPointer: { lineStyle: { color: k.ink3, type: [2, 3] } },
    },
  })
}
export { core }
