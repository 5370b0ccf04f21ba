import { afterEach, describe, expect, it, vi } from 'vitest'
import type { RecordRow } from '../src/api/types'
import { conflict, forEachOf, saveRecord } from '../src/ui/records/save'

const original: RecordRow = { id: '7', version: 3, name: 'A', phone: '1', city: 'X' }
function server(current: RecordRow): RequestInit[] {
  const calls: RequestInit[] = []
  vi.stubGlobal('fetch', async (_url: string, init: RequestInit) => {
    calls.push(init)
    const h = init.headers as Record<string, string>
    if (h['If-Match'] !== `"${current.version}"`)
      return new Response(JSON.stringify({ code: 'version-conflict', title: 'x', status: 412, current }), {
        status: 412,
      })
    return new Response(
      JSON.stringify({ ...current, ...JSON.parse(String(init.body)), version: current.version + 1 }),
      { status: 200, headers: { 'X-Event-Id': '99' } },
    )
  })
  return calls
}
afterEach(() => {
  vi.unstubAllGlobals()
  conflict.value = null
})

describe('saving against a version', () => {
  it('writes only what changed, with the version it came from', async () => {
    const calls = server(original)
    const saved = await saveRecord('/customers', 'customer', original, { phone: '2' })
    expect(saved?.event).toBe('99')
    expect(JSON.parse(String(calls[0]!.body))).toEqual({ phone: '2' })
    expect((calls[0]!.headers as Record<string, string>)['X-Patron']).toBe('1')
  })
  it('merges by itself what only the other side changed', async () => {
    const calls = server({ ...original, version: 4, city: 'Y' })
    const saved = await saveRecord('/customers', 'customer', original, { phone: '2' })
    expect(saved?.merged).toEqual(['city'])
    expect(calls).toHaveLength(2)
    expect(conflict.value).toBeNull()
  })
  it('asks about a field both changed, and keeps the answer', async () => {
    const calls = server({ ...original, version: 4, phone: '8' })
    const going = saveRecord('/customers', 'customer', original, { phone: '2', name: 'B' })
    await vi.waitFor(() => expect(conflict.value).not.toBeNull())
    expect(conflict.value!.fields).toEqual([{ field: 'phone', before: '1', theirs: '8', yours: '2' }])
    conflict.value!.answer({ phone: '8' })
    const saved = await going
    expect(saved?.record.name).toBe('B')
    expect(JSON.parse(String(calls.at(-1)!.body))).toEqual({ name: 'B' })
  })
  it('leaves everything as it is when the person goes back', async () => {
    server({ ...original, version: 4, phone: '8' })
    const going = saveRecord('/customers', 'customer', original, { phone: '2' })
    await vi.waitFor(() => expect(conflict.value).not.toBeNull())
    conflict.value!.answer(null)
    expect(await going).toBeNull()
  })
})

describe('many writes', () => {
  it('goes on after a failure and tells of it', async () => {
    const done: number[] = []
    const failures = await forEachOf(
      [1, 2, 3, 4],
      async n => {
        if (n === 2) throw new Error('no')
        done.push(n)
      },
      2,
    )
    expect(done.sort()).toEqual([1, 3, 4])
    expect(failures).toHaveLength(1)
  })
})
