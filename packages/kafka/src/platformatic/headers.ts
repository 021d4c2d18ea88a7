import type { TextMapGetter } from '@opentelemetry/api'
import { tolerantGetter, type Stamp } from '@waybill/core/adapter'

type Entries = readonly (readonly [unknown, unknown])[]

/** Reads `headerEntries`: the last of a repeated name counts, and names may be bytes. */
export const entriesGetter: TextMapGetter<Entries | null | undefined> = tolerantGetter<Entries>(
  (entries, name) => entries.findLast(([key]) => textOf(key) === name)?.[1],
  function* names(entries) {
    for (const [key] of entries) {
      const name = textOf(key)
      if (name !== undefined) yield name
    }
  },
)

/** The headers of a message to send, a `Map` or an object, as entries; nothing for what the client rejects. */
export function entriesOf(headers: unknown): Entries | undefined {
  if (headers === undefined || headers === null) return []
  if (headers instanceof Map) return [...headers] as [unknown, unknown][]
  return typeof headers === 'object' ? Object.entries(headers) : undefined
}

/** How the producer's serialisers want a name and a value. */
export type HeaderForm = 'bytes' | 'text'

/**
 * A `Map` of those headers with our fields in it. Never an object: its names can only be text, and the default serialisers
 * take nothing but bytes.
 */
export function stampEntries(entries: Entries, stamp: Stamp, form: HeaderForm): Map<unknown, unknown> {
  const headers = new Map<unknown, unknown>(
    entries.filter(([name]) => !stamp.replaces.has((textOf(name) ?? '').toLowerCase())),
  )
  for (const name in stamp.fields) {
    const value = stamp.fields[name] as string
    if (form === 'text') headers.set(name, value)
    else headers.set(Buffer.from(name), Buffer.from(value))
  }
  return headers
}

interface Serializers {
  readonly headerKey?: unknown
  readonly headerValue?: unknown
}

/**
 * Which form the producer's header serialisers take, from a look at its options: they are not public, so what is not found
 * there counts as the default, bytes. `undefined` if they make neither form what it was.
 */
export function headerFormOf(producer: object): HeaderForm | undefined {
  const { headerKey, headerValue } = serializersOf(producer)
  const takes = (form: HeaderForm): boolean =>
    [headerKey, headerValue].every((serialize) => {
      if (typeof serialize !== 'function') return form === 'bytes'
      try {
        const given = form === 'text' ? 'waybill' : Buffer.from('waybill')
        return textOf((serialize as (data: unknown) => unknown)(given)) === 'waybill'
      } catch {
        return false
      }
    })
  return (['bytes', 'text'] as const).find(takes)
}

function serializersOf(producer: object): Serializers {
  const symbol = Object.getOwnPropertySymbols(producer).find(
    ({ description }) => description === 'plt.kafka.base.options',
  )
  const options = symbol && (producer as Record<symbol, unknown>)[symbol]
  return (options as { serializers?: Serializers } | undefined)?.serializers ?? {}
}

function textOf(name: unknown): string | undefined {
  if (typeof name === 'string') return name
  return name instanceof Uint8Array ? Buffer.from(name).toString() : undefined
}
