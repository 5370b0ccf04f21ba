// Brings a new server to the state the pages are looked at in: an administrator, a company, customers, orders, values.
import { readFileSync } from 'node:fs'
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
export async function refreshValues(api, until = '2026-05-22') {
  await waitJob(
    api,
    (
      await api.post('/value/refresh', {
        horizon_weeks: 52,
        discount: 0.1,
        calibrate_to: until,
      })
    ).job_id,
  )
}

export async function fillWithSample(api) {
  const sample = makeSample()
  await importFile(api, 'customer', '客户名录.csv', customersCsv(sample))
  await importFile(api, 'order', '近三年订单.csv', ordersCsv(sample))
  await refreshValues(api)
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
  await api.patch('/company', { rates: { USD: 7.12, EUR: 7.8 } })
  const [chen] = (await api.get('/users?login=chen&fields=id')).items
  const [best] = (await api.get('/customers?limit=1&sort=-clv&fields=id')).items
  await api.patch('/customers/' + best.id, { owner_id: chen.id })
}
