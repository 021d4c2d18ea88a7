import { WaybillTypeError, type Scope } from '@waybill/core/adapter'
import { checkCarrier } from './carrier.ts'
import { isFlag, isTemplate, isText, isWhole, type Check } from './checks.ts'
import { portOf, type ClientPort } from './commands.ts'
import type { ConsumerOptions } from './consumer-options.ts'

const DAY_MS = 86_400_000

const isFunction: Check = (value) => (typeof value === 'function' ? undefined : 'a function')
const isDuration = isWhole(1, DAY_MS)

const CLAIM_CHECKS: Readonly<Record<string, Check>> = {
  minIdleMs: isDuration,
  everyMs: isDuration,
  heartbeat: isFlag,
}

const isClaim: Check = (value) => {
  const expected = 'false or { minIdleMs, everyMs, heartbeat }'
  if (value === false) return undefined
  if (typeof value !== 'object' || value === null) return expected
  for (const [name, part] of Object.entries(value)) {
    const check = Object.hasOwn(CLAIM_CHECKS, name) ? CLAIM_CHECKS[name] : undefined
    if (check === undefined) return `${expected}, without ${name}`
    const wrong = part === undefined ? undefined : check(part)
    if (wrong !== undefined) return `${expected}, with ${name} ${wrong}`
  }
  return undefined
}

const isStreams: Check = (value) =>
  Array.isArray(value) && value.length > 0 && value.every((name) => typeof name === 'string' && name !== '')
    ? undefined
    : 'a list of at least one key'

/** Checks of what only `createConsumer` takes; for `createTelemetry`. */
export const CONSUMER_CHECKS: Readonly<Record<string, Check>> = {
  client: (value) => (portOf(value) === undefined ? 'a client of ioredis or node-redis' : undefined),
  streams: isStreams,
  group: isText,
  consumer: isText,
  handler: isFunction,
  concurrency: isWhole(1, 100_000),
  count: isWhole(1, 100_000),
  blockMs: isDuration,
  from: (value) =>
    typeof value === 'string' && /^(\$|\d+(-\d+)?)$/.test(value) ? undefined : "'0', '$' or an id",
  bytes: isFlag,
  claim: isClaim,
  maxDeliveries: isWhole(1, 1_000_000),
  deadLetter: (value) =>
    typeof value === 'function' || (typeof value === 'string' && value !== '')
      ? undefined
      : 'the key of a stream or a function',
  ackMode: (value) => (value === 'batch' || value === 'each' ? undefined : "'batch' or 'each'"),
  keepContextFields: isFlag,
  carrier: checkCarrier,
  template: isTemplate,
  receiveSpans: isFlag,
  lag: isFlag,
}

/**
 * What the options must have, and what does not go together.
 *
 * @throws WaybillTypeError
 */
export function requireOptions<V>(scope: Scope, options: ConsumerOptions<V>): ClientPort {
  for (const name of ['client', 'streams', 'group', 'handler'] as const) {
    if (options?.[name] === undefined) {
      throw new WaybillTypeError(
        scope,
        `option ${name}`,
        undefined,
        "createConsumer({ client, streams: ['jobs'], group: 'billing', handler }) needs all four.",
      )
    }
  }
  const { deadLetter, maxDeliveries, streams } = options
  if (maxDeliveries !== undefined && deadLetter === undefined) {
    throw new WaybillTypeError(
      scope,
      'option deadLetter besides maxDeliveries',
      undefined,
      'Say where entries go that were delivered so often: a stream or a function.',
    )
  }
  if (typeof deadLetter === 'string' && streams.includes(deadLetter)) {
    throw new WaybillTypeError(
      scope,
      'option deadLetter to be another stream',
      deadLetter,
      'Dead letters in a stream that is consumed would come back.',
    )
  }
  return portOf(options.client) as ClientPort
}
