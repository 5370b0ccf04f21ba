// An invented supplier of tools and spare parts: customers and two and a half years of orders, the same on every run.
// Buyers behave as the models assume: each has a rate of buying, and after any purchase may leave for good.
function random(seed) {
  let s = seed >>> 0
  return () => {
    s = (s + 0x6d2b79f5) >>> 0
    let t = s
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }
}

const places = [
  ['上海', '上海'],
  ['苏州', '江苏'],
  ['无锡', '江苏'],
  ['常州', '江苏'],
  ['南通', '江苏'],
  ['昆山', '江苏'],
  ['扬州', '江苏'],
  ['泰州', '江苏'],
  ['南京', '江苏'],
  ['镇江', '江苏'],
  ['徐州', '江苏'],
  ['杭州', '浙江'],
  ['宁波', '浙江'],
  ['绍兴', '浙江'],
  ['嘉兴', '浙江'],
  ['湖州', '浙江'],
  ['温州', '浙江'],
  ['台州', '浙江'],
  ['金华', '浙江'],
  ['合肥', '安徽'],
  ['芜湖', '安徽'],
  ['马鞍山', '安徽'],
  ['济南', '山东'],
  ['青岛', '山东'],
  ['福州', '福建'],
  ['厦门', '福建'],
]
const first =
  '申浦 甬川 恒锐 锡澄 凌岳 临平 启迅 新禾 通洲 江岸 秀水 越丰 海陵 江都 澄江 润泽 远帆 金钥 华瑞 同舟 明德 安泰 宏图 永固 天工 博远 精一 立信 祥云 广源 德盛 恩泽 嘉木 长风 云起 星河 松涛 青竹 北辰 南屏 东篱 西泠 百川 千帆 万象 九鼎 三友 双虹 齐正 和光'.split(
    ' ',
  )
const trade = [
  '精密机械',
  '汽车零部件',
  '注塑机械',
  '轴承',
  '机电设备',
  '阀门制造',
  '电子科技',
  '家电配件',
  '船舶配套',
  '包装机械',
  '纺织机械',
  '染整设备',
  '模具',
  '液压件',
  '五金工具',
  '自动化设备',
  '仪器仪表',
  '铸造',
  '电缆',
  '泵业',
]
const foreign = [
  'Harlander Drive Systems',
  'Meridian Packaging Asia',
  'Takemoto Seiki',
  'Nordvik Hydraulics',
  'Castellan Motion',
  'Brennhof Tooling',
  'Aurelia Robotics',
  'Kestrel Fasteners',
  'Loxley Bearings',
  'Ostberg Pumps',
  'Pellinor Valves',
  'Ravensfeld Castings',
]
const people =
  '陈晓雯 周凯 许安琪 何军 王敏 李国栋 张伟 赵丽华 孙悦 林子涵 吴昊 郑雅文 徐静 马骏 高远 罗琳 宋佳 韩冰 唐宁 冯涛 曹颖 彭飞 董洁 袁野 邓超群 蒋雯 沈一鸣 卢珊 丁宇 范晨'.split(
    ' ',
  )
const steps = [
  '年度框架续签谈判',
  '新产线刀具选型',
  '电话：刀具年框报价',
  '季度业务回顾',
  '回访：交期投诉后续',
  '询价跟进：直线导轨',
  '确认拜访时间',
  '年度对账',
  '静电防护方案演示',
  '样品试用结果确认',
  '技术交流会',
  '首单满意度回访',
  '密封件样品寄送',
  '流失原因访谈',
]
const industries = {
  电子科技: 'technology',
  电缆: 'energy',
  家电配件: 'retail',
}
const channels = ['直销', '展会', '官网', '经销商']
const goods = [
  '硬质合金铣刀',
  '切削液 200 L',
  '车刀片 CNMG',
  '量具、百分表',
  '直线导轨',
  '深孔钻',
  '密封件',
  '静电防护',
  '气动元件',
  '轴承套件',
]

const DAY = 86_400_000
export const iso = day => new Date(day * DAY).toISOString().slice(0, 10)

export function makeSample({ customers: count = 640, until = '2026-11-20', days = 910, seed = 20261120 } = {}) {
  const rand = random(seed)
  const normal = () => Math.sqrt(-2 * Math.log(1 - rand())) * Math.cos(2 * Math.PI * rand())
  const gamma = shape => {
    if (shape < 1) return gamma(shape + 1) * rand() ** (1 / shape)
    const d = shape - 1 / 3,
      c = 1 / Math.sqrt(9 * d)
    for (;;) {
      const x = normal(),
        v = (1 + c * x) ** 3
      if (v > 0 && Math.log(1 - rand()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v
    }
  }
  const pick = list => list[Math.floor(rand() * list.length)]
  const end = Math.round(Date.parse(until) / DAY)
  const customers = [],
    orders = [],
    names = new Set()
  while (customers.length < count) {
    const [city, region] = pick(places),
      kind = rand() < 0.86 ? 'company' : 'person'
    const branch = pick(trade)
    let name =
      kind === 'person'
        ? pick(people)
        : rand() < 0.05
          ? `${pick(foreign)} (${city})`
          : city + pick(first) + branch + pick(['有限公司', '有限公司', '有限公司', '厂', '集团', '股份有限公司'])
    if (kind === 'person' && names.has(name)) name += `（${city}）`
    if (names.has(name)) continue
    names.add(name)
    const no = customers.length + 1
    const rate = gamma(0.9) / 5.5,
      leave = (() => {
        const a = gamma(0.75),
          b = gamma(5.5)
        return a / (a + b)
      })()
    const spend = (((kind === 'person' ? 900 : 9_000) * 6) / gamma(6)) * Math.exp(0.75 * normal())
    let day = end - Math.floor(rand() * days),
      n = 0
    const start = day
    while (day <= end) {
      const amount = (spend * gamma(4)) / 4
      orders.push({
        number: '',
        customer: `C-${String(no).padStart(5, '0')}`,
        day,
        amount: amount.toFixed(2),
        cost: (amount * (0.62 + 0.1 * rand())).toFixed(2),
        units: 1 + Math.floor(rand() * 40),
        channel: pick(channels),
        description: pick(goods),
      })
      n++
      if (rand() < leave) break
      day += Math.max(1, Math.round((-Math.log(1 - rand()) / rate) * 7))
    }
    customers.push({
      ext_id: `C-${String(no).padStart(5, '0')}`,
      name,
      kind,
      city,
      region,
      industry: kind === 'person' ? '' : (industries[branch] ?? 'manufacturing'),
      phone: `021-${String(10_000_000 + Math.floor(rand() * 89_999_999)).slice(0, 8)}`,
      email: `contact${no}@example.cn`,
      employees: kind === 'person' ? '' : String(10 + Math.floor(gamma(1.2) * 140)),
      next_step: n > 2 && rand() < 0.7 ? pick(steps) : '',
      next_step_on: '',
      start,
    })
    const c = customers.at(-1)
    if (c.next_step) c.next_step_on = iso(end + Math.floor(rand() * 24) - 3)
  }
  orders.sort((a, b) => a.day - b.day)
  orders.forEach((o, i) => {
    o.number = `SO-${iso(o.day).slice(2, 4)}-${String(i + 1).padStart(5, '0')}`
    o.date = iso(o.day)
  })
  return { customers, orders, until }
}

const csv = rows =>
  '\ufeff' +
  rows
    .map(r => r.map(v => (/[",\n]/.test(String(v)) ? `"${String(v).replaceAll('"', '""')}"` : v)).join(','))
    .join('\r\n') +
  '\r\n'
export const customersCsv = s =>
  csv([
    ['客户编号', '客户名称', '性质', '城市', '省份', '行业', '电话', '邮箱', '员工数', '下一步', '下一步日期'],
    ...s.customers.map(c => [
      c.ext_id,
      c.name,
      c.kind,
      c.city,
      c.region,
      c.industry,
      c.phone,
      c.email,
      c.employees,
      c.next_step,
      c.next_step_on,
    ]),
  ])
/** `spoil` puts in what real files have: a currency sign, a comma, a month that does not exist. */
export const ordersCsv = (s, spoil = true) =>
  csv([
    ['订单号', '客户编号', '下单日期', '金额', '成本', '件数', '渠道', '备注'],
    ...s.orders.map((o, i) => [
      o.number,
      o.customer,
      spoil && i === 216 ? '11月初' : spoil && i === 1045 ? '2026-13-02' : spoil && i === 2308 ? '待定' : o.date,
      spoil && i % 211 === 7 ? '￥' + o.amount : spoil && i === 930 ? '面议' : o.amount,
      o.cost,
      o.units,
      o.channel,
      o.description,
    ]),
  ])

/** The file of the week after: new orders, some of new customers, some corrected ones, and the usual flaws. */
export function laterCsv(s) {
  const DAYS = 7
  const later = s.orders.slice(-160).map((o, i) => ({
    ...o,
    number: `SO-26-${String(5000 + i).padStart(5, '0')}`,
    customer: i % 23 === 5 ? `C-${String(s.customers.length + 1 + (i % 4)).padStart(5, '0')}` : o.customer,
    date: i === 4 ? '11月底' : i === 90 ? '2026-11-31' : iso(o.day + DAYS),
    amount: i % 31 === 2 ? '￥' + Number(o.amount).toLocaleString('en-US') : i === 60 ? '面议' : o.amount,
  }))
  const corrected = s.orders
    .slice(-400, -160)
    .filter((o, i) => i % 20 === 0)
    .map(o => ({ ...o, amount: (Number(o.amount) * 0.9).toFixed(2) }))
  return ordersCsv({ ...s, orders: [...later, ...corrected] }, false)
}
