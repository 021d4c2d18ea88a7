/** The arguments of one XADD, taken apart. */
export interface XaddArguments {
  readonly key: string
  /** Everything up to and including the id. */
  readonly head: readonly unknown[]
  /** Names and values in turn. */
  readonly fields: readonly unknown[]
  /** ioredis' callback, if there is one. */
  readonly tail: readonly unknown[]
  /** Redis derives the entry's identity from its content (Redis 8.6), so nothing may be added to it. */
  readonly contentIsIdentity: boolean
}

const NO_VALUE = new Set(['NOMKSTREAM', 'KEEPREF', 'DELREF', 'ACKED'])
const ONE_VALUE = new Set(['IDMPAUTO', 'LIMIT'])
const TWO_VALUES = new Set(['IDMP'])
const TRIMMING = new Set(['MAXLEN', 'MINID'])

/**
 * Finds key, id and fields in XADD's arguments as ioredis takes them: `key [NOMKSTREAM] [KEEPREF | DELREF | ACKED]
 * [IDMPAUTO producer | IDMP producer id] [MAXLEN | MINID [= | ~] threshold [LIMIT n]] id name value …`, option words in any
 * case, arrays flattened one level, perhaps a callback last. `undefined` if they do not parse; the client then says why.
 */
export function parseXadd(args: readonly unknown[]): XaddArguments | undefined {
  const last = args.at(-1)
  const tail = typeof last === 'function' ? [last] : []
  const flat = args.slice(0, args.length - tail.length).flat()
  let at = 1
  let contentIsIdentity = false
  for (; at < flat.length; at++) {
    const word = textOf(flat[at]).toUpperCase()
    if (NO_VALUE.has(word)) continue
    if (ONE_VALUE.has(word)) {
      contentIsIdentity ||= word === 'IDMPAUTO'
      at += 1
    } else if (TWO_VALUES.has(word)) at += 2
    else if (TRIMMING.has(word)) at += ['=', '~'].includes(textOf(flat[at + 1])) ? 2 : 1
    else break
  }
  const key = textOf(flat[0])
  const fields = flat.slice(at + 1)
  if (key === '' || fields.length === 0 || fields.length % 2 !== 0) return undefined
  return { key, head: flat.slice(0, at + 1), fields, tail, contentIsIdentity }
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number') return String(value)
  return value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : ''
}
