// A workbook made by hand, as small as it can be: stored parts, texts in the cells. Cells that are numbers are numbers.
const table = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1
  return n >>> 0
})
const crc = data => (data.reduce((c, b) => table[(c ^ b) & 255] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0

function zip(parts) {
  const files = [],
    list = []
  let at = 0
  for (const [name, text] of Object.entries(parts)) {
    const data = Buffer.from(text),
      path = Buffer.from(name),
      about = Buffer.alloc(26)
    about.writeUInt16LE(20, 0)
    about.writeUInt32LE(crc(data), 10)
    about.writeUInt32LE(data.length, 14)
    about.writeUInt32LE(data.length, 18)
    about.writeUInt16LE(path.length, 22)
    const end = Buffer.alloc(14)
    end.writeUInt32LE(at, 10)
    files.push(Buffer.from('PK\x03\x04'), about, path, data)
    list.push(Buffer.from('PK\x01\x02\x14\x00'), about, end, path)
    at += 30 + path.length + data.length
  }
  const listed = Buffer.concat(list),
    end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(Object.keys(parts).length, 8)
  end.writeUInt16LE(Object.keys(parts).length, 10)
  end.writeUInt32LE(listed.length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...files, listed, end])
}

const xml = s => String(s).replaceAll('&', '&amp;').replaceAll('<', '&lt;')
const rel = 'http://schemas.openxmlformats.org/officeDocument/2006/relationships'
const pack = 'http://schemas.openxmlformats.org/package/2006/relationships'
const main = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

/** {sheet: rows of cells} as the bytes of an XLSX file. */
export function workbook(sheets) {
  const names = Object.keys(sheets)
  const each = f => names.map((name, i) => f(name, i + 1)).join('')
  const cell = c =>
    typeof c === 'number' ? `<c><v>${c}</v></c>` : `<c t="inlineStr"><is><t>${xml(c ?? '')}</t></is></c>`
  const parts = {
    '_rels/.rels': `<Relationships xmlns="${pack}"><Relationship Id="r" Type="${rel}/officeDocument" Target="xl/workbook.xml"/></Relationships>`,
    'xl/workbook.xml': `<workbook ${main} xmlns:r="${rel}"><sheets>${each((n, i) => `<sheet name="${xml(n)}" sheetId="${i}" r:id="r${i}"/>`)}</sheets></workbook>`,
    'xl/_rels/workbook.xml.rels': `<Relationships xmlns="${pack}">${each((n, i) => `<Relationship Id="r${i}" Type="${rel}/worksheet" Target="s${i}.xml"/>`)}</Relationships>`,
  }
  names.forEach((n, i) => {
    const rows = sheets[n].map(r => `<row>${r.map(cell).join('')}</row>`).join('')
    parts[`xl/s${i + 1}.xml`] = `<worksheet ${main}><sheetData>${rows}</sheetData></worksheet>`
  })
  return zip(parts)
}

const head = ['单号', '客户编号', '客户名称', '下单日期', '产品编码', '品名', '数量', '单价']
const goods = [
  ['EM-1012', '立铣刀 D12', 86.5],
  ['DR-0850', '钻头 8.5', 23.8],
  ['TL-4008', '丝锥 M8', 46],
]
/** Orders line by line, with one that is wrong, in the second sheet of two. */
export function linesFile() {
  const rows = [head]
  for (let i = 0; i < 60; i++) {
    const order = Math.floor(i / 3) + 1,
      [code, name, price] = goods[i % 3]
    rows.push([
      `XL-${order}`,
      `L-${1 + (order % 5)}`,
      `宁波博远机械有限公司${1 + (order % 5)}`,
      `2026-10-${10 + order}`,
      code,
      name,
      1 + (i % 7),
      price,
    ])
  }
  rows[5][6] = '三'
  return {
    name: '订单明细.xlsx',
    mimeType: 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    buffer: workbook({ 说明: [], 明细: rows, 备查: [head, ...rows.slice(1, 3)] }),
  }
}
