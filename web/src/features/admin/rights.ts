import type { Entity, Field, RecordRow } from '@/api/types'

export const scopes = ['none', 'own', 'department', 'below', 'all'] as const
export const levels = ['edit', 'read', 'mask', 'hide'] as const
export type Scope = (typeof scopes)[number]
export type Level = (typeof levels)[number]
export type Action = 'read' | 'write' | 'delete'

/** What a role says of one entity; the form docs/api.md has it in. */
export interface Rights {
  read?: Scope
  write?: Scope
  delete?: Scope
  create?: boolean
  fields?: Record<string, Level>
}
export type Permissions = Record<string, Rights>

/** As the server has it when a role says nothing. */
const silent: Record<string, Scope> = { product: 'all', user: 'all', department: 'all', tag: 'all' }
export const rightOf = (p: Permissions, entity: string, action: Action): Scope =>
  p[entity]?.[action] ?? (action === 'read' ? (silent[entity] ?? 'none') : 'none')

/** The levels a field may have: the program's own are fixed, and what somebody must fill in cannot be held back. */
export function levelsOf(e: Entity, f: Field, creates: boolean): readonly Level[] {
  if (creates && f.required) return ['edit']
  if (f.name === 'owner_id' || (!e.owned && f.name === e.title_field)) return ['edit', 'read']
  return f.system ? ['edit'] : levels
}

/** The fields whose level can be chosen at all. What the program computes is never edited: its first level is read. */
export const levelled = (e: Entity): Field[] => e.fields.filter(f => f.name === 'owner_id' || !f.system)
export const levelOf = (p: Permissions, entity: string, f: Field): Level => p[entity]?.fields?.[f.name] ?? 'edit'

export function withRight(p: Permissions, entity: string, change: Rights): Permissions {
  return { ...p, [entity]: { ...p[entity], ...change } }
}
export function withLevel(p: Permissions, entity: string, field: string, level: Level): Permissions {
  const { [field]: _, ...others } = p[entity]?.fields ?? {}
  return withRight(p, entity, { fields: level === 'edit' ? others : { ...others, [field]: level } })
}

export const permissionsOf = (role: RecordRow): Permissions => (role.permissions as Permissions | null) ?? {}
