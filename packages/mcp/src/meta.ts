import { recordGetter } from '@waybill/core/adapter'
import { recordOf } from './request.ts'
import type { McpMessage } from './types.ts'

/** What vendors put there; the spec reserves the three names of W3C for what they are (SEP-414). */
export const DATADOG_KEY = '_dd_trace_context'
const CONTEXT_KEYS = ['traceparent', 'tracestate', 'baggage']

export type Meta = Readonly<Record<string, unknown>>

export function metaOf(message: McpMessage): Meta | undefined {
  return recordOf(recordOf(message.params)?.['_meta'])
}

/**
 * A copy of a message with context fields in `params._meta`. Everything that is there stays: revision 2026-07-28 keeps
 * required fields there, and what the application set is what it wants. A message of an unknown shape stays as it is.
 *
 * @param replace a context that is there goes, since it was copied from another message
 */
export function withFields<M extends McpMessage>(
  message: M,
  fields: Readonly<Record<string, string>>,
  replace: boolean = false,
): M {
  const { params = {} } = message
  const record = recordOf(params)
  const { _meta = {} } = record ?? {}
  let meta = recordOf(_meta)
  if (record === undefined || meta === undefined) return message
  if (replace) meta = withoutContext(meta) ?? {}
  const added: Record<string, unknown> = {}
  // Half of the application's context and half of ours would be neither.
  const kept = has(meta, 'traceparent')
  for (const name in fields) {
    if (has(meta, name) || (kept && name === 'tracestate')) continue
    added[name] = fields[name]
  }
  return { ...message, params: { ...record, _meta: { ...meta, ...added } } }
}

function has(meta: Meta, name: string): boolean {
  return recordGetter.get(meta, name) !== undefined
}

/** The `_meta` that Strands puts into a tool's arguments, where it is a context. */
export function metaInArguments(message: McpMessage): Meta | undefined {
  if (message.method !== 'tools/call') return undefined
  const meta = recordOf(recordOf(recordOf(message.params)?.['arguments'])?.['_meta'])
  return meta !== undefined && has(meta, 'traceparent') ? meta : undefined
}

/** A copy without that, which strict schemas of tools would reject. Other keys in it are the tool's business. */
export function withoutMetaInArguments<M extends McpMessage>(message: M): M {
  const params = recordOf(message.params)
  const { _meta, ...given } = recordOf(params?.['arguments']) ?? {}
  const rest = withoutContext(recordOf(_meta) ?? {})
  return {
    ...message,
    params: { ...params, arguments: rest === undefined ? given : { ...given, _meta: rest } },
  }
}

/** A copy of a notification without context fields: SDK 2.x hands the `_meta` of progress on to the user's callback. */
export function withoutContextFields<M extends McpMessage>(message: M): M {
  const { _meta, ...params } = recordOf(message.params) ?? {}
  const rest = withoutContext(recordOf(_meta) ?? {})
  return { ...message, params: rest === undefined ? params : { ...params, _meta: rest } }
}

function withoutContext(meta: Meta): Meta | undefined {
  const rest = Object.entries(meta).filter(([key]) => !CONTEXT_KEYS.includes(key.toLowerCase()))
  return rest.length === 0 ? undefined : Object.fromEntries(rest)
}
