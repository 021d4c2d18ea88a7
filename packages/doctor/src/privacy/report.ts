import type { Terminal } from '../report/report.ts'
import { inkFor } from '../report/ink.ts'
import { clean } from '../report/text.ts'
import type { Leak } from './privacy.ts'
import { secretIn } from './secrets.ts'

/** Leaks of one kind, key and service, counted. */
export interface LeakGroup extends Leak {
  readonly count: number
}

export interface LeakCounter {
  add(leak: Leak): void
  groups(): LeakGroup[]
}

/** One line each kind, key and service: a leak mostly repeats with every span. */
export function leakCounter(): LeakCounter {
  const groups = new Map<string, { first: Leak; count: number }>()
  return {
    add(leak) {
      const key = [leak.kind, leak.key, leak.service].join('\0')
      const group = groups.get(key)
      if (group === undefined) groups.set(key, { first: leak, count: 1 })
      else group.count++
    },
    groups: () =>
      [...groups.values()]
        .map(({ first, count }) => ({ ...first, count }))
        .sort((a, b) => b.count - a.count || (`${a.kind}${a.key}` < `${b.kind}${b.key}` ? -1 : 1)),
  }
}

/** Prints where, how long and a hash; never what. */
export function reportPrivacy(
  groups: readonly LeakGroup[],
  spans: number,
  format: 'table' | 'json',
  { out, err, env }: Terminal,
): number {
  const code = spans === 0 ? 2 : groups.length > 0 ? 1 : 0
  const shown = groups.map((group) => ({ ...group, key: shownKey(group.key), span: shownKey(group.span) }))
  if (format === 'json') {
    out.write(`${JSON.stringify({ version: 1, spans, leaks: shown, exit: code }, null, 2)}\n`)
    return code
  }
  const ink = inkFor(out, env)
  out.write(`${spans} spans, ${groups.reduce((sum, { count }) => sum + count, 0)} leaks\n`)
  for (const { kind, key, service, span, spanId, length, hash, count } of shown) {
    out.write(
      `${ink('red', clean(kind))}  ${clean(key)}  in ${count} span${count === 1 ? '' : 's'} of ${clean(service)}, e.g. '${clean(span)}' ${spanId}: ${length} characters, sha256 ${hash}…\n`,
    )
  }
  if (code === 2) err.write('waybill-doctor: no spans at all: nothing was judged\n')
  return code
}

/** A name may itself be the secret. */
function shownKey(text: string): string {
  const secret = secretIn(text)
  return secret === undefined ? text : `(a name with a ${secret})`
}
