import { createHash } from 'node:crypto'
import { propagation, type Context } from '@opentelemetry/api'
import { logger, safely } from '../diag.ts'
import { check, isNumber, isStrings, WaybillTypeError, type Check } from '../options.ts'
import { reportDropped } from './dropped.ts'

const ORIGIN = { packageName: '@waybill/core', functionName: 'baggageSpanProcessor' } as const
const log = logger(ORIGIN.packageName)

/** Values that never belong on a span: e-mail address, JSON Web Token, number of a payment card. */
const DENIED: readonly RegExp[] = [
  /[^\s@]+@[^\s@]+\.[^\s@]+/,
  /\beyJ[\w-]+\.[\w-]+\.[\w-]*/,
  /\b(?:\d[ -]?){12,18}\d\b/,
]

/** Options of `baggageSpanProcessor`. */
export interface BaggageSpanProcessorOptions {
  /** Keys that are put on spans, e.g. `session.id`. Required, and not empty: there is no allow-all. */
  readonly allow: readonly string[]
  /** Keys among them whose values are hashed (SHA-256, hex, first 32 characters), e.g. `user.id`. Default none. */
  readonly hash?: readonly string[]
  /** Most keys on one span, in the order of `allow`. Default 8. */
  readonly maxKeys?: number
  /** Longest value in characters; a longer one is left out, not cut. Default 128. */
  readonly maxLength?: number
  /** Values that are left out, besides e-mail addresses, JSON Web Tokens and card numbers, which always are. */
  readonly deny?: readonly RegExp[]
}

interface Attributed {
  setAttribute(key: string, value: string): unknown
}

/** A span processor and a log record processor, of SDK 2 and SDK 3, in one. */
export interface BaggageSpanProcessor {
  onStart(span: Attributed, parentContext: Context): void
  onEnd(): void
  /** For log records: pass the same object as a `LogRecordProcessor`. */
  onEmit(record: Attributed, context?: Context): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

const isPatterns: Check = (value) =>
  Array.isArray(value) && value.every((each) => each instanceof RegExp)
    ? undefined
    : 'an array of regular expressions'

const CHECKS: Record<keyof BaggageSpanProcessorOptions, Check> = {
  allow: (value) =>
    isStrings(value) ?? ((value as unknown[]).length === 0 ? 'an array with at least one key' : undefined),
  hash: isStrings,
  maxKeys: isNumber(1, 64),
  maxLength: isNumber(1, 4096),
  deny: isPatterns,
}

/**
 * Puts allow-listed members of baggage on every span (and log record) that is started where they are active: a session id
 * that was set at the edge is then on every span of the journey, through all queues. What is over the limits or looks like
 * a secret is left out, with one warning and the counter `waybill.baggage.dropped`. At run time it never throws.
 *
 * @throws WaybillTypeError without an allow-list, or on another bad option
 * @example
 * new NodeSDK({ spanProcessors: [baggageSpanProcessor({ allow: ['session.id'] }), exporting] })
 */
export function baggageSpanProcessor(options: BaggageSpanProcessorOptions): BaggageSpanProcessor {
  if (typeof options !== 'object' || options === null || options.allow === undefined) {
    throw new WaybillTypeError(
      ORIGIN,
      'an allow-list of baggage keys',
      options,
      "Name the keys: { allow: ['session.id'] }. Whoever sends a request chooses its baggage.",
    )
  }
  check(ORIGIN, options, CHECKS, '')
  const { allow, hash = [], maxKeys = 8, maxLength = 128, deny = [] } = options
  const hashed = new Set(hash)
  const denied = [...DENIED, ...deny].map(
    (pattern) => new RegExp(pattern.source, withoutState(pattern.flags)),
  )

  function put(target: Attributed, context: Context): void {
    const baggage = propagation.getBaggage(context)
    if (baggage === undefined) return
    let keys = 0
    for (const key of allow) {
      const value = baggage.getEntry(key)?.value
      if (value === undefined) continue
      if (++keys > maxKeys) drop('too_many', `more than ${maxKeys} keys of baggage; ${key} is not on spans`)
      else if (hashed.has(key)) target.setAttribute(key, digest(value))
      else if (value.length > maxLength)
        drop('too_long', `the value of ${key} has more than ${maxLength} characters; it is not on spans`)
      else if (denied.some((pattern) => pattern.test(value)))
        drop('denied', `the value of ${key} looks like something secret; it is not on spans`)
      else target.setAttribute(key, value)
    }
  }

  return {
    onStart(span, parentContext) {
      safely(log, 'putting baggage on a span', undefined, () => put(span, parentContext))
    },
    onEnd: () => undefined,
    onEmit(record, context) {
      if (context !== undefined)
        safely(log, 'putting baggage on a log record', undefined, () => put(record, context))
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  }
}

function drop(reason: 'too_many' | 'too_long' | 'denied', message: string): void {
  reportDropped(log, reason, 1, message)
}

/** A pattern with `g` or `y` would remember where it found something last. */
function withoutState(flags: string): string {
  return flags.replaceAll(/[gy]/g, '')
}

function digest(value: string): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 32)
}
