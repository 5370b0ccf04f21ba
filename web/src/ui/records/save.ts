import { shallowRef } from 'vue'
import { post, Problem, request } from '@/api/client'
import type { RecordRow } from '@/api/types'

export interface ConflictField {
  field: string
  before: unknown
  theirs: unknown
  yours: unknown
}
export interface Conflict {
  entity: string
  title: string
  fields: ConflictField[]
  merged: string[]
  at: number | null
  answer: (kept: Record<string, unknown> | null) => void
}

/** The decision that is open, shown by the one dialog of the shell. */
export const conflict = shallowRef<Conflict | null>(null)

export const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? null) === JSON.stringify(b ?? null)

export interface Saved {
  record: RecordRow
  event: string | null
  merged: string[]
}

/**
 * Writes the changed fields against the version they were made from. When somebody was quicker, fields that only one
 * side changed are merged by themselves; for fields both changed the person is asked. Null: the person went back.
 */
export async function saveRecord(
  path: string,
  entity: string,
  original: RecordRow,
  changes: Record<string, unknown>,
  title = '',
): Promise<Saved | null> {
  let version = original.version
  let body = changes
  let merged: string[] = []
  for (let round = 0; round < 5; round++) {
    try {
      const a = await request<RecordRow>(`${path}/${original.id}?include=titles`, { method: 'PATCH', body, version })
      return { record: a.data, event: a.headers.get('X-Event-Id'), merged }
    } catch (e) {
      if (!(e instanceof Problem) || e.code !== 'version-conflict' || !e.body.current) throw e
      const current = e.body.current
      const both = Object.keys(body).filter(f => !same(current[f], original[f]) && !same(current[f], body[f]))
      merged = Object.keys(current).filter(
        f =>
          f in original &&
          !['version', 'updated_at', 'updated_by', 'titles'].includes(f) &&
          !same(current[f], original[f]) &&
          !both.includes(f),
      )
      version = current.version
      if (both.length) {
        const kept = await new Promise<Record<string, unknown> | null>(answer => {
          conflict.value = {
            entity,
            title,
            merged,
            at: typeof current.updated_at === 'number' ? current.updated_at : null,
            answer,
            fields: both.map(f => ({ field: f, before: original[f], theirs: current[f], yours: changes[f] })),
          }
        })
        conflict.value = null
        if (!kept) return null
        body = { ...body, ...kept }
        original = { ...current }
      } else original = { ...current }
      body = Object.fromEntries(Object.entries(body).filter(([f, v]) => !same(current[f], v)))
      if (!Object.keys(body).length) return { record: current, event: null, merged }
    }
  }
  return null
}

export interface UndoOutcome {
  undone: number
  kept: number
}
/** Takes events back, newest first. Where the value has changed since, it stays. */
export async function undoEvents(events: string[]): Promise<UndoOutcome> {
  let undone = 0,
    kept = 0
  for (const id of [...events].reverse()) {
    try {
      await post(`/history/${id}/undo`)
      undone++
    } catch (e) {
      if (e instanceof Problem && (e.code === 'undo-conflict' || e.status === 404)) kept++
      else throw e
    }
  }
  return { undone, kept }
}

/** Runs a write for each of many, a few at a time. */
export async function forEachOf<T>(list: T[], work: (item: T) => Promise<void>, wide = 6): Promise<unknown[]> {
  const failures: unknown[] = []
  let at = 0
  await Promise.all(
    Array.from({ length: Math.min(wide, list.length) }, async () => {
      while (at < list.length) {
        const item = list[at++]!
        try {
          await work(item)
        } catch (e) {
          failures.push(e)
        }
      }
    }),
  )
  return failures
}
