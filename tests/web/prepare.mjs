// Brings a new server to the state the pages are looked at in: an administrator, a company, customers, orders, values.
import { readFileSync } from 'node:fs'
import { deflateSync } from 'node:zlib'
import { customersCsv, laterCsv, makeSample, ordersCsv } from './sample.mjs'

export const admin = {
  name: '赵倩',
  login: process.env.PATRON_LOGIN ?? 'zhao',
  password: process.env.PATRON_PASSWORD ?? 'patron-demo-1',
}
export const company = {
  name: '锐进工业用品',
  currency: 'CNY',
  time_zone: 'Asia/Shanghai',
  discount_rate: 0.1,
  language: 'zh',
}

/** A client of the API that shares the browser's cookies. */
export function client(context, url) {
  const call = async (method, path, data, headers = {}) => {
    const json = data !== undefined && !(data instanceof Buffer)
    const answer = await context.request.fetch(url + '/api/v1' + path, {
      method,
      data,
      maxRedirects: 0,
      failOnStatusCode: false,
      timeout: 120_000,
      headers: {
        'X-Patron': '1',
        Origin: url,
        'Sec-Fetch-Site': 'same-origin',
        'Accept-Language': 'zh-CN',
        'Content-Type': json ? 'application/json' : 'application/octet-stream',
        ...headers,
      },
    })
    const text = await answer.text()
    let body
    try {
      body = text ? JSON.parse(text) : null
    } catch {
      body = text
    }
    return { status: answer.status(), body, headers: answer.headers() }
  }
  const need = async (method, path, data) => {
    const a = await call(method, path, data)
    if (a.status >= 300) throw new Error(`${method} ${path}: ${a.status} ${JSON.stringify(a.body).slice(0, 400)}`)
    return a.body
  }
  return {
    call,
    get: p => need('GET', p),
    post: (p, d) => need('POST', p, d),
    patch: (p, d) => need('PATCH', p, d),
    del: p => need('DELETE', p),
  }
}

export async function signIn(api) {
  await api.post('/session', {
    login: admin.login,
    password: admin.password,
    remember: true,
  })
}
export async function setUp(api, link) {
  await api.post('/setup', {
    token: link.slice(link.indexOf('#') + 1),
    admin,
    company,
  })
}

export async function waitJob(api, id) {
  for (let i = 0; i < 600; i++) {
    const j = await api.get('/jobs/' + id)
    if (j.state === 'done') return j
    if (j.state === 'failed' || j.state === 'cancelled') throw new Error(`job ${j.kind} ${j.state}: ${j.message}`)
    await new Promise(r => setTimeout(r, 200))
  }
  throw new Error('a job took longer than two minutes')
}
export async function importFile(api, entity, name, text) {
  const r = await api.post(`/imports?entity=${entity}&name=${encodeURIComponent(name)}`, Buffer.from(text))
  await waitJob(api, (await api.post(`/imports/${r.id}/check`)).job_id)
  await waitJob(api, (await api.post(`/imports/${r.id}/run`)).job_id)
  return api.get('/imports/' + r.id)
}
export async function refreshValues(api, until = '2026-05-22', more = {}) {
  await waitJob(
    api,
    (
      await api.post('/value/refresh', {
        horizon_weeks: 52,
        discount: 0.1,
        calibrate_to: until,
        ...more,
      })
    ).job_id,
  )
}

export async function fillWithSample(api) {
  const sample = makeSample()
  await importFile(api, 'customer', '客户名录.csv', customersCsv(sample))
  await importFile(api, 'order', '近三年订单.csv', ordersCsv(sample))
  await refreshValues(api)
  await fillDaily(api)
}
/** What hangs on the first customers: contacts, tasks, and an order with lines. */
export async function fillDaily(api) {
  const customers = (await api.get('/customers?limit=6&sort=-clv&fields=id,name')).items
  const tools = (await api.post('/categories', { name: '刀具' })).id
  const mills = (await api.post('/categories', { name: '铣刀', parent_id: tools })).id
  const fluids = (await api.post('/categories', { name: '油液' })).id
  const goods = []
  for (const [name, code, category_id, unit, list_price, cost] of [
    ['硬质合金立铣刀 D10', 'TL-1010', mills, '支', '168.00', '97.44'],
    ['车刀片 CNMG120408', 'TL-2048', tools, '盒', '420.00', '256.20'],
    ['丝锥 M8', 'TL-4008', tools, '支', '46.00', '25.30'],
    ['切削液 200 L', 'FL-0200', fluids, '桶', '2380.00', '1713.60'],
    ['刀具修磨', 'SV-0001', null, '次', '380.00', null],
  ])
    goods.push(await api.post('/products', { name, code, category_id, unit, list_price, cost }))
  const day = n => new Date(Date.now() + n * 864e5).toISOString().slice(0, 10)
  const [a, b] = customers
  for (const c of [
    {
      name: '李国栋',
      title: '采购经理',
      decision_role: 'decider',
      phone: '13800138001',
      email: 'li@example.com',
      is_primary: true,
    },
    { name: '张伟', title: '生产总监', decision_role: 'influencer', phone: '13800138002' },
    { name: '赵丽华', title: '财务', decision_role: 'buyer', phone: '13800138004', do_not_call: true },
  ])
    await api.post('/contacts', { ...c, customer_id: a.id })
  const met = await api.post('/contacts', {
    name: '王敏',
    title: '工艺工程师',
    phone: '13800138003',
    customer_id: b.id,
  })
  await api.post('/affiliations', { contact_id: met.id, customer_id: a.id, role: '技术顾问' })
  for (const [i, title, due_on, more] of [
    [0, '刀具年框报价：电话李国栋', day(0), { due_time: '10:30', priority: 'high' }],
    [0, '寄五轴试刀样品 3 支', day(3)],
    [0, '安排张伟参观仓库', null],
    [1, '确认 10 月对账单', day(-3)],
    [2, '回访：交期投诉', day(-1), { priority: 'high' }],
    [3, '询价跟进：直线导轨', day(12)],
    [4, '样品试用结果', day(-9), { status: 'done' }],
  ])
    await api.post('/tasks', { title, due_on, customer_id: customers[i].id, ...more })
  return api.post('/orders', {
    customer_id: a.id,
    ordered_on: '2026-11-20',
    number: 'SO-26-3391',
    channel: '直销',
    lines: [
      { product_id: goods[0].id, quantity: '24', discount: '8' },
      { product_id: goods[1].id, quantity: '6' },
      { product_id: goods[3].id, quantity: '2.5', price: '2250.00' },
      { description: '送货上门', quantity: '1', price: '120.00', unit_cost: '80.00' },
    ],
  })
}
const csvFile = (name, text) => ({ name, mimeType: 'text/csv', buffer: Buffer.from(text) })
export const sampleFile = () => csvFile('orders.csv', ordersCsv(makeSample()))
/** The week after: what the pictures of the import show. */
export const laterFile = () => csvFile('十一月订单.csv', laterCsv(makeSample()))
/** Long enough to be stopped on the way: a file of orders of few customers. */
export function longFile(rows = 200_000) {
  const lines = ['订单号,客户编号,下单日期,金额']
  for (let i = 0; i < rows; i++)
    lines.push(
      `L-${i},C-${String(1 + (i % 600)).padStart(5, '0')},2026-0${1 + (i % 9)}-1${i % 9},${100 + (i % 977)}.00`,
    )
  return csvFile('long.csv', lines.join('\n') + '\n')
}
export const text = (lang, root) => {
  const tree = JSON.parse(readFileSync(`${root}/web/src/locales/${lang}.json`, 'utf8'))
  return (key, params = {}) => {
    const raw = key.split('.').reduce((t, k) => t?.[k], tree)
    if (typeof raw !== 'string') throw new Error('no text ' + key)
    return raw.replace(/\{(\w+)\}/g, (_, k) => params[k] ?? '')
  }
}

/** A rate a month of two years for dollars, one without a beginning for euros. */
export const datedRates = () => ({
  USD: Array.from({ length: 24 }, (_, i) => ({
    from: i ? `${2024 + Math.floor(i / 12)}-${String((i % 12) + 1).padStart(2, '0')}-01` : null,
    rate: 7 + ((i * 37) % 25) / 100,
  })),
  EUR: [{ from: null, rate: 7.8 }],
})

/** A company of people: a tree of departments, two roles with levels of fields, colleagues in them. */
export async function staff(api) {
  const one = { read: 'own', write: 'own', delete: 'none', create: true }
  const below = {
    read: 'below',
    write: 'department',
    delete: 'none',
    create: false,
    fields: { phone: 'mask', email: 'mask', credit_limit: 'hide' },
  }
  const department = async (name, parent) =>
    (await api.post('/departments', parent ? { name, parent_id: parent } : { name })).id
  const sales = await department('销售部')
  const east = await department('华东组', sales)
  const west = await department('西南组', sales)
  const finance = await department('财务部')
  const role = async (name, permissions) => (await api.post('/roles', { name, permissions })).id
  const seller = await role('销售', {
    customer: one,
    contact: one,
    order: one,
    note: one,
  })
  const chief = await role('组长', {
    customer: below,
    contact: { ...below, fields: {} },
    order: { read: 'below' },
    note: one,
  })
  for (const [name, login, department_id, role_id] of [
    ['陈立', 'chen', east, seller],
    ['周敏', 'zhou', east, chief],
    ['何川', 'he', west, seller],
    ['沈雁', 'shen', finance, chief],
    ['郑和', 'zheng', finance, null],
  ])
    await api.post('/users', { name, login, department_id, role_id })
  const [away] = (await api.get('/users?login=he&fields=id')).items
  await api.patch('/users/' + away.id, { active: false })
  await api.patch('/company', { rates: datedRates() })
  const [chen] = (await api.get('/users?login=chen&fields=id')).items
  const [best] = (await api.get('/customers?limit=1&sort=-clv&fields=id')).items
  await api.patch('/customers/' + best.id, { owner_id: chen.id })
}

/** A colleague with all rights on what salespeople work with, and a client of the API that is signed in as that person. */
export async function colleague(api, url, name = '王芳', login = 'wangfang') {
  const all = { read: 'all', write: 'all', delete: 'all', create: true }
  const permissions = {
    customer: all,
    contact: all,
    note: all,
    task: all,
    order: all,
  }
  const role_id = (await api.post('/roles', { name: '销售助理 ' + login, permissions })).id
  const user = await api.post('/users', { name, login, role_id })
  const { token } = await api.post(`/users/${user.id}/invite`)
  let cookie = ''
  const call = async (method, path, data) => {
    const answer = await fetch(url + '/api/v1' + path, {
      method,
      headers: {
        'X-Patron': '1',
        'Content-Type': 'application/json',
        Cookie: cookie,
      },
      body: data === undefined ? undefined : JSON.stringify(data),
    })
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`)
    cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? cookie
    return answer.status === 204 ? null : answer.json()
  }
  await call('POST', '/invite', { token, password: 'patron-demo-2' })
  return {
    id: user.id,
    name,
    get: p => call('GET', p),
    post: (p, d) => call('POST', p, d),
    patch: (p, d) => call('PATCH', p, d),
  }
}
/** What a colleague does in a morning, and rings the administrator's bell. */
export async function ringing(api, url) {
  const other = await colleague(api, url)
  const me = (await api.get('/session')).user
  const [a, b] = (await api.get('/customers?limit=2&sort=-clv&fields=id,name')).items
  await api.post('/tasks', {
    title: '给李国栋回电话',
    customer_id: a.id,
    reminder_at: Date.now() - 1000,
  })
  await other.post('/notes', {
    customer_id: a.id,
    body: `@${me.name} 李国栋问年框价能不能再让两个点，**周五前**要回复。`,
  })
  await other.post('/tasks', {
    title: '准备五轴试刀方案',
    customer_id: b.id,
    owner_id: me.id,
  })
  await other.patch('/customers/' + b.id, {
    phone: '0574-87654321',
    city: '宁波',
    email: 'office@example.com',
  })
  await other.patch('/customers/' + b.id, { phone: '0574-87654322' })
  await other.post('/orders', {
    customer_id: b.id,
    ordered_on: '2026-11-21',
    number: 'SO-26-3402',
    amount: { amount: '3860.00', currency: 'CNY' },
  })
  for (let i = 0; i < 60; i++) {
    const { items } = await api.get('/notifications')
    if (items.some(n => n.kind === 'reminder')) break
    await new Promise(r => setTimeout(r, 200))
  }
  return other
}

/** A picture without a library: rows of stripes, deflated by node. */
export function picture(width, height, hue) {
  const table = Array.from({ length: 256 }, (_, n) => {
    for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
    return n >>> 0
  })
  const crc = bytes => ~bytes.reduce((c, b) => table[(c ^ b) & 255] ^ (c >>> 8), ~0) >>> 0
  const chunk = (kind, data) => {
    const body = Buffer.concat([Buffer.from(kind), data])
    const out = Buffer.alloc(body.length + 8)
    out.writeUInt32BE(data.length, 0)
    body.copy(out, 4)
    out.writeUInt32BE(crc(body), body.length + 4)
    return out
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(width, 0)
  head.writeUInt32BE(height, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const rows = Buffer.alloc(height * (1 + width * 3))
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const shade = 150 + 60 * Math.sin((x + y * 0.6) / 23) + 40 * Math.sin(y / 41)
      rows.set(
        [shade, shade * hue, shade * (1.6 - hue)].map(v => Math.max(0, Math.min(255, Math.round(v)))),
        y * (1 + width * 3) + 1 + x * 3,
      )
    }
  return Buffer.concat([
    Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}
/** One page with a word on it, with places that are right. */
export function pdf() {
  const stream = 'BT /F 24 Tf 72 720 Td (Quotation) Tj ET'
  const objects = [
    '<</Type/Catalog/Pages 2 0 R>>',
    '<</Type/Pages/Kids[3 0 R]/Count 1>>',
    '<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>',
    `<</Length ${stream.length}>>stream\n${stream}\nendstream`,
    '<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>',
  ]
  let out = '%PDF-1.4\n'
  const at = objects.map((o, i) => {
    const place = out.length
    out += `${i + 1} 0 obj${o}endobj\n`
    return String(place).padStart(10, '0') + ' 00000 n \n'
  })
  const n = objects.length + 1
  const table = `xref\n0 ${n}\n0000000000 65535 f \n${at.join('')}trailer<</Size ${n}/Root 1 0 R>>\n`
  return Buffer.from(`${out}${table}startxref\n${out.length}\n%%EOF\n`)
}
/** Files on the first customer: pictures of a machine, an offer, a drawing list. */
export async function files(api) {
  const [a] = (await api.get('/customers?limit=1&sort=-clv&fields=id')).items
  const put = (name, bytes) => api.post(`/customers/${a.id}/attachments?name=${encodeURIComponent(name)}`, bytes)
  await put('刀具年框报价 2027.pdf', pdf())
  await put('刀具清单.xlsx', Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(18_400)]))
  await put('会议纪要.txt', Buffer.from('试刀时间定在下周三。'))
  for (const [i, hue] of [0.9, 0.7, 1.0, 0.8].entries()) await put(`现场照片 ${i + 1}.png`, picture(640, 480, hue))
}

/** Tags on the first customers, and three favourites. */
export async function labels(api) {
  const customers = (await api.get('/customers?limit=9&sort=-clv&fields=id')).items
  const made = []
  for (const [name, color] of [
    ['框架协议', 'blue'],
    ['重点维护', 'amber'],
    ['展会认识', 'gray'],
    ['付款慢', 'red'],
    ['转介绍', 'green'],
  ])
    made.push((await api.post('/tags', { name, color })).id)
  for (const [i, c] of customers.entries())
    await api.post(`/customers/${c.id}/tags`, {
      add: made.filter((_, k) => (i + 1) % (k + 2) === 0 || (i === 0 && k < 2)),
    })
  for (const c of [customers[0], customers[2], customers[5]]) await api.call('PUT', `/customers/${c.id}/favourite`)
}
