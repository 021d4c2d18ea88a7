import {
  context as contextApi,
  ROOT_CONTEXT,
  SpanKind,
  trace,
  type Attributes,
  type TracerProvider,
} from '@opentelemetry/api'
import { logger, safely } from '../diag.ts'
import { recordFailure } from '../failure.ts'
import { callerLinks } from '../links.ts'
import { check, hasMethod, isNumber, isObject, isText, WaybillTypeError, type Check } from '../options.ts'
import { ATTR_LINKS_OMITTED, SCHEMA_URL } from '../semconv.ts'
import { settle } from '../settle.ts'
import { NO_SPAN } from '../spans.ts'
import { VERSION } from '../version.ts'
import type { Packed } from './packed.ts'

const log = logger('@waybill/core')

const ORIGIN = { packageName: '@waybill/core', functionName: 'batchContext' } as const
const CHECKS: Record<keyof BatchOptions, Check> = {
  name: isText,
  attributes: isObject,
  maxLinks: isNumber(0, 10_000),
  tracerProvider: hasMethod('getTracer'),
}

/** Options of `batchContext`. */
export interface BatchOptions {
  /** Name of the span. Default `batch`. */
  readonly name?: string
  /** Attributes of the span. Default none. */
  readonly attributes?: Attributes
  /** Most links; the SDK silently drops more than its own limit. Default 128. */
  readonly maxLinks?: number
  /** Default: the global one. */
  readonly tracerProvider?: TracerProvider
}

/**
 * Runs the work that was gathered from several callers, such as the batch function of a DataLoader, in a span of its own: a
 * root that links every caller, since it belongs to none of them alone. Sampled callers are linked first, each once; the
 * number that did not fit is in `waybill.links.omitted`. Result and error are those of `fn`.
 *
 * @param packed the items, each with its caller's context; see `pack`
 * @throws WaybillTypeError on an item that was not packed, or a bad option
 * @example
 * const users = new DataLoader((ids: readonly Packed<string>[]) => batchContext(ids, (plain) => db.users(plain)))
 * await users.load(pack(id))
 */
export function batchContext<T, R>(
  packed: readonly Packed<T>[],
  fn: (items: T[]) => R,
  options: BatchOptions = {},
): R {
  check(ORIGIN, options, CHECKS, '')
  const items = packed.map((each) => {
    if (typeof each !== 'object' || each === null || !('context' in each)) {
      throw new WaybillTypeError(
        ORIGIN,
        'items that pack() gave',
        each,
        'Call pack(item) where the item is handed in.',
      )
    }
    return each.item
  })
  const span = safely(log, 'starting a batch span', NO_SPAN, () => {
    const { name = 'batch', attributes, maxLinks = 128, tracerProvider = trace.getTracerProvider() } = options
    const { links, omitted } = callerLinks(
      packed.map(({ context }) => context),
      maxLinks,
    )
    return tracerProvider.getTracer('@waybill/core', VERSION, { schemaUrl: SCHEMA_URL }).startSpan(
      name,
      {
        kind: SpanKind.INTERNAL,
        attributes: { ...attributes, ...(omitted > 0 && { [ATTR_LINKS_OMITTED]: omitted }) },
        links,
      },
      ROOT_CONTEXT,
    )
  })
  return settle(
    () => contextApi.with(trace.setSpan(ROOT_CONTEXT, span), () => fn(items)),
    (failure) => {
      safely(log, 'ending a batch span', undefined, () => {
        recordFailure(span, { failure })
        span.end()
      })
    },
  )
}
