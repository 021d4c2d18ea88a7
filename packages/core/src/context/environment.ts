import { context as contextApi, type Context } from '@opentelemetry/api'
import { tolerantGetter } from '../carrier.ts'
import { fieldsOf, contextIn } from '../hand-over.ts'
import { WAYBILL_FIELD } from '../waybill.ts'
import { handing, type CarriedOptions } from './carried.ts'

/** Environment variables, as `process.env` has them. */
type Environment = Readonly<Record<string, string | undefined>>

/**
 * A copy of the environment for a child process, with the active context in it: `TRACEPARENT`, `TRACESTATE`, `BAGGAGE`, as
 * the OpenTelemetry specification of environment variable carriers names them. Variables of a context that this process
 * was itself started with are replaced or left out, all others stay. Baggage ends up where anybody who may list processes
 * can read it.
 *
 * @param env default: `process.env`
 * @throws WaybillTypeError on a bad option
 * @example
 * spawn('node', ['index.js'], { env: toEnv() })
 */
export function toEnv(
  env: Environment = process.env,
  options?: CarriedOptions,
): Record<string, string | undefined> {
  const hand = handing('toEnv', options)
  const copy = { ...env }
  for (const name of hand.propagator.fields()) delete copy[variableOf(name)]
  // A process is no message that waits in a queue, and the specification knows the propagator's fields only.
  const { [WAYBILL_FIELD]: _, ...fields } = fieldsOf(contextApi.active(), hand)
  for (const [name, value] of Object.entries(fields)) copy[variableOf(name)] = value
  return copy
}

/**
 * The context that this process was started with, on the root context; the root context itself if there is none. Take it
 * before any span is started.
 *
 * @param env default: `process.env`
 * @throws WaybillTypeError on a bad option
 * @example
 * await context.with(fromEnv(), main)
 */
export function fromEnv(env: Environment = process.env, options?: CarriedOptions): Context {
  return contextIn(env, environmentGetter, handing('fromEnv', options))
}

const environmentGetter = tolerantGetter<Environment>(
  (env, name) => (Object.hasOwn(env, variableOf(name)) ? env[variableOf(name)] : undefined),
  // Names are exact here: on Windows, where they are not, Node.js looks them up in any case.
  () => [],
)

/** Upper case, `_` for what a variable cannot have, and none begins with a digit. */
function variableOf(field: string): string {
  return field
    .toUpperCase()
    .replaceAll(/[^A-Z0-9_]/g, '_')
    .replace(/^(?=\d)/, '_')
}
