import { describe, expect, it } from 'vitest'
import type { Job } from '@/api/types'
import { canUndo } from '@/stores/bulk'
import { changeOf, mayChooseAll } from '@/ui/records/useBulkAll'

const now = Date.parse('2026-11-26')
const job = (more: Partial<Job>, changed = 5): Job => ({
  id: '1',
  kind: 'bulk',
  title: '',
  state: 'done',
  done: 5,
  total: 5,
  errors: 0,
  created_at: now,
  finished_at: now,
  cancellable: false,
  result: { changed },
  ...more,
})

describe('everything that matches', () => {
  it('is offered when all that is here is ticked and there is more', () => {
    expect(mayChooseAll(100, 100, true)).toBe(true)
    expect(mayChooseAll(99, 100, true)).toBe(false)
    expect(mayChooseAll(100, 100, false)).toBe(false)
    expect(mayChooseAll(0, 0, true)).toBe(false)
  })
  it('is asked for as the server has it', () => {
    expect(changeOf({ what: 'owner', id: '7', name: 'Li' })).toEqual({ set: { owner_id: '7' } })
    expect(changeOf({ what: 'tags', add: ['1', '2'] })).toEqual({ tags: { add: ['1', '2'] } })
    expect(changeOf({ what: 'delete' })).toEqual({ delete: true })
    expect(changeOf({ what: 'restore' })).toEqual({ restore: true })
  })
  it('can be taken back while what was written is known', () => {
    expect(canUndo(job({}), now)).toBe(true)
    expect(canUndo(job({ state: 'cancelled' }), now)).toBe(true)
    expect(canUndo(job({ state: 'running', finished_at: null }), now)).toBe(false)
    expect(canUndo(job({}, 0), now)).toBe(false)
    expect(canUndo(job({ kind: 'bulk-undo' }), now)).toBe(false)
    expect(canUndo(job({}), now + 31 * 864e5)).toBe(false)
  })
})
