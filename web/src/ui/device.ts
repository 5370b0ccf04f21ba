const find = (agent: string, list: [RegExp, string][]): string => list.find(([r]) => r.test(agent))?.[1] ?? ''

/** A browser's User-Agent in the words a person would use: "Firefox · Windows". */
export function device(agent: string | null | undefined): string {
  const a = agent ?? ''
  const browser = find(a, [
    [/Edg\//, 'Edge'],
    [/Firefox\//, 'Firefox'],
    [/Chrome\//, 'Chrome'],
    [/Safari\//, 'Safari'],
  ])
  const system = find(a, [
    [/Windows/, 'Windows'],
    [/Android/, 'Android'],
    [/iPhone|iPad/, 'iOS'],
    [/Mac OS/, 'macOS'],
    [/Linux/, 'Linux'],
  ])
  return [browser, system].filter(Boolean).join(' · ') || a.slice(0, 40)
}
