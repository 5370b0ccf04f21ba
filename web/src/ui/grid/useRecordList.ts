import { ref, shallowRef, type Ref } from 'vue'
import { get, query } from '@/api/client'
import type { Count, Filter, Page, RecordRow } from '@/api/types'
import { useMetadata } from '@/stores/metadata'

export interface ListQuery {
  path: string
  fields: string[]
  filter: Filter | null
  sort: string
  trash?: boolean
  /** what the rows show besides, from elsewhere */
  fill?: (rows: RecordRow[]) => Promise<RecordRow[]>
}

const FIRST = 100,
  NEXT = 200

/** Records by keyset pages: the next page is fetched while the last one is being read. */
export function useRecordList(want: () => ListQuery) {
  const meta = useMetadata()
  const ask = (): ListQuery => {
    const q = want()
    return { ...q, ...meta.asked(q.path, q.fields, q.sort) }
  }
  const rows: Ref<RecordRow[]> = shallowRef([])
  const titles = shallowRef<Record<string, string>>({})
  const count = shallowRef<Count | null>(null)
  const next = ref<string | null>(null)
  const loading = ref(false)
  const loaded = ref(false)
  const error = shallowRef<unknown>(null)
  let turn = 0
  let abort: AbortController | null = null

  async function fetchPage(cursor: string | null, mine: number): Promise<Page | null> {
    const q = ask()
    abort = new AbortController()
    const page = await get<Page>(
      q.path +
        query({
          fields: q.fields.join(','),
          sort: q.sort,
          filter: q.filter ? JSON.stringify(q.filter) : null,
          limit: cursor ? NEXT : FIRST,
          cursor,
          count: cursor ? null : 'capped',
          include: 'titles',
          trash: q.trash ? 1 : null,
        }),
      { signal: abort.signal },
    )
    if (q.fill) page.items = await q.fill(page.items)
    return mine === turn ? page : null
  }

  /** Starts over. What is on the screen stays until the new rows are here. */
  async function reload(): Promise<void> {
    const mine = ++turn
    abort?.abort()
    loading.value = true
    error.value = null
    try {
      const page = await fetchPage(null, mine)
      if (!page) return
      rows.value = page.items
      titles.value = page.titles ?? {}
      count.value = page.count ?? null
      next.value = page.next
      loaded.value = true
    } catch (e) {
      if (mine === turn) error.value = e
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  async function more(): Promise<void> {
    if (loading.value || !next.value || error.value) return
    const mine = turn
    loading.value = true
    try {
      const page = await fetchPage(next.value, mine)
      if (!page) return
      rows.value = rows.value.concat(page.items) // a new array: what is computed from it must see a change
      if (page.titles) Object.assign(titles.value, page.titles)
      next.value = page.next
    } catch (e) {
      if (mine === turn) error.value = e
    } finally {
      if (mine === turn) loading.value = false
    }
  }

  /** Goes on after a page that failed. */
  function again(): void {
    error.value = null
    void more()
  }

  function put(row: RecordRow, names?: Record<string, string>): void {
    const at = rows.value.findIndex(r => r.id === row.id)
    if (names) Object.assign(titles.value, names)
    if (at < 0) return
    rows.value = rows.value.with(at, { ...rows.value[at]!, ...row })
  }
  function remove(ids: Set<string>): void {
    const before = rows.value.length
    rows.value = rows.value.filter(r => !ids.has(r.id))
    if (count.value && !count.value.capped)
      count.value = { ...count.value, value: count.value.value - (before - rows.value.length) }
  }
  async function refreshOne(id: string): Promise<void> {
    if (!rows.value.some(r => r.id === id)) return
    const q = ask()
    const page = await get<Page>(
      q.path +
        query({
          fields: q.fields.join(','),
          filter: JSON.stringify({ field: 'id', op: 'eq', value: id }),
          limit: 1,
          include: 'titles',
        }),
    ).catch(() => null)
    const row = page && ((await q.fill?.(page.items)) ?? page.items)[0]
    if (row) put(row, page?.titles)
  }

  return { rows, titles, count, next, loading, loaded, error, reload, more, again, put, remove, refreshOne }
}
export type RecordList = ReturnType<typeof useRecordList>
