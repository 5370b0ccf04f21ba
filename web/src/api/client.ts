import type { ProblemBody } from './types'

/** Every failure of a request, the network's included, as one kind of error. */
export class Problem extends Error {
  readonly body: ProblemBody
  readonly retryAfter: number | null
  constructor(body: ProblemBody, retryAfter: number | null = null) {
    super(body.title)
    this.name = 'Problem'
    this.body = body
    this.retryAfter = retryAfter
  }
  get code(): string {
    return this.body.code
  }
  get status(): number {
    return this.body.status
  }
}

interface Context {
  language: () => string
  signedOut: () => void
  reach: (ok: boolean) => void
}
let context: Context = { language: () => 'zh', signedOut: () => {}, reach: () => {} }
export function configureApi(c: Context): void {
  context = c
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export interface Options {
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  body?: unknown
  version?: number
  /** a key of the caller's, to repeat a write without doing it twice */
  key?: string
  signal?: AbortSignal
  timeout?: number
  quiet401?: boolean
}
export interface Answer<T> {
  data: T
  headers: Headers
  status: number
}

export async function request<T>(path: string, options: Options = {}): Promise<Answer<T>> {
  const method = options.method ?? 'GET'
  const headers: Record<string, string> = {
    Accept: 'application/json',
    'Accept-Language': context.language() === 'zh' ? 'zh-CN' : 'en',
  }
  if (method !== 'GET') {
    headers['X-Patron'] = '1'
    headers['Idempotency-Key'] = options.key ?? newKey()
  }
  if (options.body !== undefined) headers['Content-Type'] = 'application/json'
  if (options.version !== undefined) headers['If-Match'] = `"${options.version}"`
  const timeout = AbortSignal.timeout(options.timeout ?? 30_000)
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout
  let response: Response
  try {
    response = await fetch('/api/v1' + path, {
      method,
      headers,
      signal,
      credentials: 'same-origin',
      body: options.body === undefined ? undefined : JSON.stringify(options.body),
    })
  } catch (error) {
    if (options.signal?.aborted) throw error
    const slow = timeout.aborted
    context.reach(false)
    throw new Problem({ code: slow ? 'client-timeout' : 'client-offline', status: 0, title: '' })
  }
  context.reach(true)
  if (response.status === 204) return { data: undefined as T, headers: response.headers, status: 204 }
  const text = await response.text()
  const data = parse(text)
  if (response.ok) return { data: data as T, headers: response.headers, status: response.status }
  const body = data as Partial<ProblemBody> | null
  const problem = new Problem(
    {
      ...body,
      code: body?.code ?? 'client-answer',
      status: response.status,
      title: body?.title ?? '',
      request_id: body?.request_id ?? response.headers.get('X-Request-Id') ?? undefined,
    },
    Number(response.headers.get('Retry-After')) || null,
  )
  if (response.status === 401 && problem.code === 'not-signed-in' && !options.quiet401) context.signedOut()
  throw problem
}

export const get = async <T>(path: string, options?: Options): Promise<T> => (await request<T>(path, options)).data
export const post = async <T>(path: string, body?: unknown, options?: Options): Promise<T> =>
  (await request<T>(path, { ...options, method: 'POST', body })).data
export const patch = async <T>(path: string, body: unknown, options?: Options): Promise<T> =>
  (await request<T>(path, { ...options, method: 'PATCH', body })).data

export function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, b => b.toString(16).padStart(2, '0')).join('')
}

export function query(params: Record<string, string | number | boolean | null | undefined>): string {
  const q = new URLSearchParams()
  for (const [key, value] of Object.entries(params))
    if (value !== undefined && value !== null && value !== '') q.set(key, String(value))
  const text = q.toString()
  return text ? '?' + text : ''
}

/** Sends a file as the raw body and tells how far it has come. */
export function upload<T>(
  path: string,
  file: Blob,
  progress: (share: number) => void,
  signal?: AbortSignal,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const xhr = new XMLHttpRequest()
    xhr.open('POST', '/api/v1' + path)
    xhr.setRequestHeader('X-Patron', '1')
    xhr.setRequestHeader('Accept-Language', context.language() === 'zh' ? 'zh-CN' : 'en')
    xhr.setRequestHeader('Content-Type', 'application/octet-stream')
    xhr.upload.onprogress = e => {
      if (e.lengthComputable) progress(e.loaded / e.total)
    }
    xhr.onload = () => {
      const data = parse(xhr.responseText)
      if (xhr.status >= 200 && xhr.status < 300) {
        resolve(data as T)
        return
      }
      const body = data as Partial<ProblemBody> | null
      if (xhr.status === 401) context.signedOut()
      reject(
        new Problem({ ...body, code: body?.code ?? 'client-answer', status: xhr.status, title: body?.title ?? '' }),
      )
    }
    xhr.onerror = () => {
      context.reach(false)
      reject(new Problem({ code: 'client-offline', status: 0, title: '' }))
    }
    xhr.onabort = () => reject(new DOMException('aborted', 'AbortError'))
    signal?.addEventListener('abort', () => xhr.abort())
    xhr.send(file)
  })
}
