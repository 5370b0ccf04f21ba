import { defineStore } from 'pinia'
import { computed, shallowRef } from 'vue'
import { get } from '@/api/client'
import type { Entity, Field, Label, Metadata } from '@/api/types'
import { useSession } from './session'

/** The registry as the server tells it: lists, forms and filters are drawn from this. */
export const useMetadata = defineStore('metadata', () => {
  const session = useSession()
  const metadata = shallowRef<Metadata | null>(null)
  let loading: Promise<void> | null = null

  function load(): Promise<void> {
    loading ??= get<Metadata>('/metadata')
      .then(m => {
        metadata.value = m
      })
      .catch(e => {
        loading = null
        throw e
      })
    return loading
  }

  // what the machinery keeps for itself (id, version, the import it came from) is no column, filter or input
  const useful = (f: Field): boolean => !f.system || ['created_at', 'updated_at', 'owner_id'].includes(f.name)
  const byName = computed(
    () => new Map((metadata.value?.entities ?? []).map(e => [e.name, { ...e, fields: e.fields.filter(useful) }])),
  )
  const fieldMaps = computed(
    () => new Map([...byName.value].map(([n, e]) => [n, new Map(e.fields.map(f => [f.name, f]))])),
  )

  const entity = (name: string): Entity | undefined => byName.value.get(name)
  const field = (name: string, f: string): Field | undefined =>
    fieldMaps.value.get(name)?.get(f) ?? fieldMaps.value.get(name)?.get(f.replace(/_id$/, ''))
  const text = (label: Label | undefined | null): string => (label ? label[session.lang] || label.en : '')
  const label = (name: string, f: string): string => text(field(name, f)?.label) || f
  function option(name: string, f: string, value: unknown): string {
    const o = field(name, f)?.options?.find(x => x.value === value)
    return o ? text(o.label) : String(value ?? '')
  }
  const masked = (name: string, f: string): boolean => field(name, f)?.level === 'mask'
  /** What may be asked of a list: the fields of it that this person sees, and an order they may know. */
  function asked(path: string, fields: string[], sort: string): { fields: string[]; sort: string } {
    const e = metadata.value?.entities.find(x => '/' + x.path === path)
    if (!e) return { fields, sort }
    const known = new Map(e.fields.map(f => [f.name, f]))
    return {
      fields: fields.filter(f => known.has(f)),
      sort: sort
        .split(',')
        .filter(s => known.get(s.replace(/^-/, ''))?.sortable)
        .join(','),
    }
  }
  /** The name of a field in a record: a link is held in `<name>_id`. */
  const key = (f: Field): string => (f.type === 'link' && !f.name.endsWith('_id') ? f.name + '_id' : f.name)

  return { metadata, load, entity, field, text, label, option, key, masked, asked }
})
