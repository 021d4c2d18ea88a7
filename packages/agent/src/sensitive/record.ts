import process from 'node:process'
import * as api from '@opentelemetry/api'
import { context, trace, type Attributes } from '@opentelemetry/api'
import {
  check,
  isFunction,
  isObject,
  logger,
  safely,
  SCHEMA_URL,
  WaybillTypeError,
  type Check,
} from '@waybill/core/adapter'
import { PACKAGE } from '../settings.ts'
import { VERSION } from '../version.ts'
import { ATTR_SENSITIVE } from './content.ts'
import { asGuarded, guardOf, redacted, type Redact } from './guard.ts'

/** Options of `recordSensitive`. */
export interface SensitiveOptions {
  /** Sees every value first; `undefined` leaves it out. What throws leaves it out, too. Default: values stay. */
  readonly redact?: Redact
}

/** The logs API of `@opentelemetry/api` 1.10, as far as it is used; 1.9 has none. */
interface LogsApi {
  getLogger(
    name: string,
    version: string,
    options: { schemaUrl: string },
  ): {
    enabled(): boolean
    emit(record: { eventName: string; attributes: Attributes; context: api.Context }): void
  }
}

const log = logger(PACKAGE)
const ORIGIN = { packageName: PACKAGE, functionName: 'recordSensitive' }
const CHECKS: Record<keyof SensitiveOptions, Check> = { redact: isFunction }

/**
 * Records content, such as a prompt, as an event with `sensitive: true`: a log event where a logger provider is registered
 * (OpenTelemetry API 1.10), else an event of the active span. Closed unless opened: nothing is written, unless a
 * `contentGuard` takes the content out again before any exporter (then the event says that there was some, and how
 * much), or `WAYBILL_TRACE_CONTENT=collector-filtered` says that a collector behind this process filters such events. Never
 * throws, but for bad arguments.
 *
 * @throws WaybillTypeError on a bad argument or option
 * @example
 * recordSensitive('prompt', { 'gen_ai.input.messages': JSON.stringify(messages) }, { redact: withoutNames })
 */
export function recordSensitive(name: string, attributes: Attributes, options: SensitiveOptions = {}): void {
  if (typeof name !== 'string' || name === '')
    throw new WaybillTypeError(ORIGIN, 'the name of an event', name, "Name it: recordSensitive('prompt', …).")
  const wrong = isObject(attributes)
  if (wrong !== undefined) throw new WaybillTypeError(ORIGIN, wrong, attributes, 'Pass attributes.')
  check(ORIGIN, options, CHECKS, '', 'See SensitiveOptions.')
  safely(log, 'recording content', undefined, () => record(name, attributes, options.redact))
}

function record(name: string, content: Attributes, redact: Redact = (_key, value) => value as string): void {
  const span = trace.getActiveSpan()
  const guard = guardOf(span)
  if (guard === undefined && process.env['WAYBILL_TRACE_CONTENT'] !== 'collector-filtered') {
    log.debug(
      `event ${name} is not recorded: no contentGuard() is installed, and no collector filters content`,
    )
    return
  }
  const allowed: Attributes = {}
  for (const [key, value] of Object.entries(content)) {
    const kept = redacted(redact, key, value)
    if (kept !== undefined) allowed[key] = kept
  }
  const { logs } = api as { logs?: LogsApi }
  const events = logs?.getLogger(PACKAGE, VERSION, { schemaUrl: SCHEMA_URL })
  if (events?.enabled() !== true) {
    // The guard of this span looks it through when the span ends.
    span?.addEvent(name, { ...allowed, [ATTR_SENSITIVE]: true })
    return
  }
  // Whether an exporter sees a log record before a guard does is not for us to say.
  const attributes: Attributes = { ...(guard?.(allowed, true) ?? allowed), [ATTR_SENSITIVE]: true }
  asGuarded(guard !== undefined, () =>
    events.emit({ eventName: name, attributes, context: context.active() }),
  )
}
