import type { Attributes } from '@opentelemetry/api'
import { check, isFunction, isStrings, logger, safely, type Check } from '@waybill/core/adapter'
import { PACKAGE } from '../settings.ts'
import { ATTR_SENSITIVE, isContent, placeholder } from './content.ts'

/** What to write in place of a value of content; `undefined` leaves the attribute out. */
export type Redact = (key: string, value: unknown) => Attributes[string]

/** Options of `contentGuard`. */
export interface ContentGuardOptions {
  /** Names of further attributes that hold content. */
  readonly keys?: readonly string[]
  /** What stands for content. Default: `[removed: 42 characters]`. What throws leaves the attribute out. */
  readonly redact?: Redact
}

/** The part of the SDK's live span that is changed; the same in SDK 2 and SDK 3. */
interface LiveSpan {
  readonly attributes: Attributes
  readonly events: { readonly name: string; attributes?: Attributes }[]
}

/** The part of the SDK's log record that is changed. */
interface LiveRecord {
  readonly attributes: Attributes
  readonly eventName?: string | undefined
  body?: unknown
}

/** A span processor and a log record processor, of SDK 2 and SDK 3, in one. */
export interface ContentGuard {
  onStart(span: object): void
  onEnding(span: object): void
  onEnd(span: object): void
  /** For log records: pass the same object as a `LogRecordProcessor`, before all others. */
  onEmit(record: object): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

const log = logger(PACKAGE)
const CHECKS: Record<keyof ContentGuardOptions, Check> = { keys: isStrings, redact: isFunction }

/** Which guard sees a span when it ends. */
const guards = new WeakMap<object, Scrub>()
/** Guards that have seen spans or records and were not shut down. */
const installed = new Set<Scrub>()

/** Makes attributes free of content. */
export type Scrub = (attributes: Attributes, all: boolean) => Attributes

/**
 * Takes content out of every span and log record before any exporter sees it: prompts, answers, instructions, arguments and
 * results of tools under the names of the conventions, OpenInference, OpenLLMetry and the AI SDK, and all that events with
 * `sensitive: true` say. On spans it works wherever it stands among the processors; among log record processors it has to be
 * the first. With it in place, `recordSensitive` writes. Never throws, but for bad options.
 *
 * @throws WaybillTypeError on a bad option
 * @example
 * new NodeSDK({ spanProcessors: [exporting, contentGuard()] })
 */
export function contentGuard(options: ContentGuardOptions = {}): ContentGuard {
  check(
    { packageName: PACKAGE, functionName: 'contentGuard' },
    options,
    CHECKS,
    '',
    'See ContentGuardOptions.',
  )
  const { keys = [], redact = (_key, value) => placeholder(value) } = options
  const own = new Set(keys)
  const done = new WeakSet<object>()

  const scrub: Scrub = (attributes, all) => {
    const clean: Attributes = {}
    for (const [key, value] of Object.entries(attributes)) {
      const kept =
        key !== ATTR_SENSITIVE && (all || own.has(key) || isContent(key))
          ? redacted(redact, key, value)
          : value
      if (kept !== undefined) clean[key] = kept
    }
    return clean
  }

  function guardSpan(span: LiveSpan): void {
    if (done.has(span)) return
    done.add(span)
    const hasContent = Object.keys(span.attributes).some((key) => own.has(key) || isContent(key))
    if (hasContent) replace(span.attributes, scrub(span.attributes, false))
    for (const event of span.events) {
      if (event.attributes !== undefined)
        event.attributes = scrub(event.attributes, event.attributes[ATTR_SENSITIVE] === true)
    }
  }

  function guardRecord(record: LiveRecord): void {
    const sensitive = record.attributes[ATTR_SENSITIVE] === true
    replace(record.attributes, scrub(record.attributes, sensitive))
    // Earlier conventions had messages in the body of events named after who wrote them.
    const name = record.eventName ?? record.attributes['event.name']
    const isMessage = typeof name === 'string' && name.startsWith('gen_ai.')
    if ((sensitive || isMessage) && record.body !== undefined)
      record.body = redacted(redact, 'body', record.body)
  }

  const guarded = (what: string, run: () => void, close: () => void): void => {
    let isClosed = false
    safely(log, what, undefined, () => {
      try {
        run()
        isClosed = true
      } finally {
        // Rather nothing than what could not be looked through.
        if (!isClosed) close()
      }
    })
  }
  const end = (span: object): void => {
    const live = span as LiveSpan
    guarded(
      'guarding a span',
      () => guardSpan(live),
      () => {
        replace(live.attributes, {})
        live.events.length = 0
      },
    )
  }
  return {
    onStart(span) {
      guards.set(span, scrub)
      installed.add(scrub)
    },
    onEnding: end,
    // An SDK that knows no onEnding: the exporters behind this one see it scrubbed at least.
    onEnd: end,
    onEmit(record) {
      installed.add(scrub)
      if (isGuarded) return
      const live = record as LiveRecord
      guarded(
        'guarding a log record',
        () => guardRecord(live),
        () => {
          replace(live.attributes, {})
          live.body = undefined
        },
      )
    },
    forceFlush: () => Promise.resolve(),
    shutdown() {
      installed.delete(scrub)
      return Promise.resolve()
    },
  }
}

/** The guard that a span will meet; without a recorded span, one that is installed. */
export function guardOf(span: { isRecording(): boolean } | undefined): Scrub | undefined {
  if (span?.isRecording() === true) return guards.get(span)
  const [any] = installed
  return any
}

/** True while a record is emitted that was looked through already: `redact` is not to see its own work. */
let isGuarded = false

/** Emits a log record that was looked through, if it was. */
export function asGuarded(guarded: boolean, emit: () => void): void {
  isGuarded = guarded
  try {
    emit()
  } finally {
    isGuarded = false
  }
}

/** A value as `redact` leaves it; nothing if that throws. */
export function redacted(redact: Redact, key: string, value: unknown): Attributes[string] {
  return safely<Attributes[string]>(log, 'redact()', undefined, () => redact(key, value))
}

function replace(attributes: Attributes, clean: Attributes): void {
  for (const key of Object.keys(attributes)) if (!Object.hasOwn(clean, key)) delete attributes[key]
  Object.assign(attributes, clean)
}
