/** The shapes of docs/api.md. */
export type Id = string
export interface Money {
  amount: string
  currency: string
}
export interface Label {
  en: string
  zh: string
}
export type FieldType =
  | 'text'
  | 'longtext'
  | 'int'
  | 'decimal'
  | 'real'
  | 'percent'
  | 'bool'
  | 'date'
  | 'datetime'
  | 'enum'
  | 'money'
  | 'link'
  | 'email'
  | 'phone'
  | 'url'
  | 'tags'
export interface Option {
  value: string
  label: Label
}
export interface Field {
  name: string
  type: FieldType
  label: Label
  required?: boolean
  read_only?: boolean
  system?: boolean
  unique?: boolean
  max?: number
  personal?: boolean
  options?: Option[]
  target?: string
  operators?: string[]
  sortable?: boolean
  filterable?: boolean
  importable?: boolean
  level?: 'mask' | 'read' | 'edit'
}
export interface Entity {
  name: string
  path: string
  label: Label
  label_plural: Label
  title_field: string
  owned?: boolean
  fields: Field[]
}
export interface Metadata {
  version: string
  entities: Entity[]
}

export type Value = string | number | boolean | null | Money
export interface RecordRow {
  id: Id
  version: number
  owner_id?: Id | null
  [field: string]: unknown
}
export interface Count {
  value: number
  capped: boolean
}
export interface Page<T = RecordRow> {
  items: T[]
  next: string | null
  count?: Count | null
  titles?: Record<Id, string>
}

export type FilterLeaf = { field: string; op: string; value?: unknown }
export type Filter = { and: Filter[] } | { or: Filter[] } | { not: Filter } | FilterLeaf

export interface FieldError {
  pointer: string
  code: string
  params?: Record<string, unknown>
  message: string
}
export interface ProblemBody {
  type?: string
  title: string
  status: number
  code: string
  request_id?: string
  params?: Record<string, unknown>
  errors?: FieldError[]
  current?: RecordRow
  conflicts?: { field: string; before: unknown; after: unknown; current: unknown }[]
}

export interface Right {
  read: string
  write: string
  create: boolean
  delete: string
}
export interface Session {
  user: {
    id: Id
    name: string
    login: string
    language: 'zh' | 'en'
    theme: 'system' | 'light' | 'dark'
    density: 'normal' | 'dense'
    is_admin: boolean
    time_zone?: string | null
  }
  company: { name: string; currency: string; time_zone: string; discount_rate: number }
  permissions: Record<string, Right>
  insecure: boolean
  version: string
}

export interface HistoryEvent {
  id: Id
  at: number
  kind:
    | 'create'
    | 'update'
    | 'delete'
    | 'restore'
    | 'undo'
    | 'import'
    | 'value'
    | 'sign-in'
    | 'sign-out'
    | 'password'
    | 'invite'
    | 'token'
    | 'attach'
    | 'detach'
  actor: { id: Id; name: string; kind: string } | null
  entity: string
  record_id: Id
  title: string
  changes: { field: string; before: unknown; after: unknown }[]
  undoable: boolean
  undone_by: Id | null
}

export interface SearchHit {
  entity: string
  id: Id
  title: string
  subtitle?: string | null
  /** [from, to) of the title's characters that match */
  mark?: [number, number]
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled'
export interface Job {
  id: Id
  kind: string
  title: string
  state: JobState
  phase?: string | null
  done: number
  total: number
  rate?: number | null
  errors: number
  message?: string | null
  created_at: number
  started_at?: number | null
  finished_at?: number | null
  owner?: { id: Id; name: string } | null
  cancellable: boolean
  result?: Record<string, unknown> | null
}

export type ImportState =
  'uploaded' | 'checking' | 'checked' | 'running' | 'done' | 'cancelled' | 'failed' | 'undoing' | 'undone'
export interface ImportColumn {
  index: number
  header: string
  samples: string[]
  field: string | null
  confidence?: number
}
export interface ImportField {
  name: string
  label: Label
  required: boolean
  type: string
}
export interface ImportFormat {
  encoding: string
  bom?: boolean
  delimiter: string
  date_format: string
  language?: string
  header_row?: number
  file?: 'csv' | 'xlsx'
  sheet?: number
  sheets?: string[]
  /** the mapping is that of the last file with these headers */
  remembered?: boolean
}
export interface ImportCheck {
  rows: number
  new: number
  existing: number
  changed: number
  rejected: number
  new_customers: number
  columns: {
    index: number
    field: string
    rejected: number
    changed: number
    codes: { code: string; count: number }[]
  }[]
}
export interface ImportRecord {
  id: Id
  name: string
  entity: 'order' | 'order_line' | 'customer' | 'contact' | 'product'
  state: ImportState
  bytes: number
  rows: number
  format: ImportFormat
  /** each with its guess */
  columns: ImportColumn[]
  /** what stands now, by the index of the column */
  mapping: Record<string, string | null>
  fields: ImportField[]
  options: { on_existing: 'skip' | 'update'; currency: string; create_customers?: boolean }
  job_id: Id | null
  created_at: number
  created_by?: Id | null
  check?: ImportCheck | null
  result?: {
    created: number
    updated: number
    skipped: number
    rejected: number
    customers_created: number
    seconds: number
  } | null
  undo?: { removed: number; kept: number } | null
}
export interface PreviewCell {
  raw: string
  value: unknown
  code?: string | null
  message?: string | null
  changed?: boolean
}
export interface PreviewRow {
  row: number
  cells: PreviewCell[]
  /** the row is good, and its customer will be made */
  new_customer: boolean
}

export interface Interval {
  amount: string
  low80: string
  high80: string
  low95?: string
  high95?: string
}
export interface Grade {
  grade: string
  customers: number
  revenue: string
  revenue_share: number
  clv: string
  clv_share: number
}
export interface ModelFit {
  name: string
  params: Record<string, number>
  std_errors?: Record<string, number | null>
  loglik: number
  verdict: string
  message?: string | null
}
export interface Cohorts {
  by: 'month' | 'quarter' | 'year'
  /** 1 to 12: the month that quarters and years were counted from; absent in a valuation of an older program */
  fiscal_month?: number
  last_complete: boolean
  rows: { from: string; customers: number; active: number[]; revenue: string[] }[]
}
export interface Segment {
  code: string
  customers: number
  revenue: string
  clv: string | null
}
interface BridgeSide {
  date: string
  equity: string
  customers: number
  not_counted: string
}
export interface Bridge {
  /** from so many days before, from the end of the last fiscal year, or between two dates that were chosen */
  by: 'days' | 'fiscal' | 'dates'
  days: number
  before: BridgeSide
  after: BridgeSide
  steps: { code: string; amount: string; customers: number }[]
}
export interface Choice {
  how: 'holdout' | 'bic' | 'given'
  like: string | null
  calibrate_to: string | null
  customers: number
  of: number
  models: {
    name: string
    verdict: string
    usable: boolean
    chosen: boolean
    bic: number | null
    error: number | null
    rmse: number | null
    coverage80: number | null
  }[]
}
export interface Warning {
  code: string
  model: string | null
  message: string
}
export interface Overview {
  as_of: string
  fitted_at: number
  stale: boolean
  unit: string
  horizon_weeks: number
  discount: number
  currency: string
  customers: number
  orders: number
  revenue: string
  equity: Interval
  next_year: Interval & { orders: number }
  alive: { expected: number; share: number }
  at_risk: { customers: number; amount: string }
  abc: Grade[]
  concentration: { points: [number, number][]; gini: number; top20_share: number }
  rfm: {
    recency_edges: number[]
    frequency_edges: number[]
    cells: { r: number; f: number; customers: number; revenue: string }[]
  }
  map: {
    points: { id: Id; name: string; now: string; next: string; revenue: string; abc: string }[]
    now_median: string
    next_median: string
    shown: number
    of: number
  }
  tracking: {
    unit: string
    calibrate_to: string | null
    holdout_error: number | null
    inside80: number | null
    weeks_held_out: number | null
    points: { date: string; actual: number; expected: number; low80: number; high80: number }[]
  } | null
  models: ModelFit[]
  holdout: {
    actual: number
    predicted: number
    mae: number
    rmse: number
    coverage80: number
    coverage95: number
  } | null
  warnings: Warning[]
  /** missing in what an older program computed */
  choice?: Choice
  cohorts?: Cohorts | null
  segments?: Segment[]
  bridges?: Bridge[]
  /** that were valued, the earliest first */
  dates: string[]
}
export interface CustomerValue {
  as_of: string
  currency: string
  clv: Interval & { median?: string }
  horizon: Interval & { weeks: number; orders: number; orders_low80?: number; orders_high80?: number }
  p_alive: number
  mean_spend: string
  expected_spend: string
  x: number
  t_x: number
  T: number
  orders: number
  revenue: string
  abc: string | null
  rfm: string | null
  percentile: number
  density: [number, number][]
  reasons: { code: string; purchases: number; amount: string; message: string; params?: Record<string, unknown> }[]
  ledger: { code: string; value: string }[]
  p_alive_curve: { date: string; p: number }[]
  models: string[]
  warnings: Warning[]
  history: { date: string; p_alive: number | null; clv: string | null; horizon: string | null }[]
}
