import type { MeterProvider, TracerProvider } from '@opentelemetry/api'
import {
  check,
  createTelemetry,
  hasMethod,
  isNumber,
  WaybillTypeError,
  type Check,
  type Telemetry,
} from '@waybill/core/adapter'
import { agentKeys, DEFAULT_PREFIX, type AgentKeys } from './keys.ts'
import { arePrices, type Prices } from './prices.ts'
import { VERSION } from './version.ts'

/** Settings for all agents of a process, or of one part of it. */
export interface AgentSettings {
  /** Prefix of our own names of attributes, metrics and baggage. Default `app.agent`. All processes need the same. */
  readonly prefix?: string
  /** `app` (default): nothing of ours under `gen_ai.*`; `both`: the proposed `gen_ai.caller.*` as well. */
  readonly semconvMode?: 'app' | 'both'
  /** Deepest delegation that is run, for agents that give none of their own. Default: no limit, one warning past 8. */
  readonly maxDepth?: number
  /** What tokens cost, by model. Default: nothing is known; a cost that the provider reports goes to `recordUsage`. */
  readonly prices?: Prices
  /** Currency of prices and costs, ISO 4217. Default `USD`. */
  readonly currency?: string
  /** Where spans go. Default: the global tracer provider, looked up at every use. */
  readonly tracerProvider?: TracerProvider
  /** Where metrics go. Default: the global meter provider, looked up likewise. */
  readonly meterProvider?: MeterProvider
}

/** The settings, checked, with what is made of them once. */
export interface Resolved {
  readonly telemetry: Telemetry
  readonly keys: AgentKeys
  readonly semconvMode: 'app' | 'both'
  readonly maxDepth: number | undefined
  readonly prices: Prices
  readonly currency: string
}

export const PACKAGE = '@waybill/agent'
export const isDepth: Check = (value) =>
  Number.isInteger(value) ? isNumber(0, 999)(value) : 'an integer from 0 to 999'

const CHECKS: Record<keyof AgentSettings, Check> = {
  prefix: (value) =>
    typeof value === 'string' && /^[a-z][\w.]*\w$/.test(value) && !value.startsWith('gen_ai')
      ? undefined
      : 'a dotted name such as acme.agent, not under gen_ai',
  semconvMode: (value) => (value === 'app' || value === 'both' ? undefined : "'app' or 'both'"),
  maxDepth: isDepth,
  prices: arePrices,
  currency: (value) =>
    typeof value === 'string' && /^[A-Z]{3}$/.test(value) ? undefined : 'three capital letters, as USD',
  tracerProvider: hasMethod('getTracer'),
  meterProvider: hasMethod('getMeter'),
}

/** @throws WaybillTypeError on a bad setting */
export function resolveSettings(settings: AgentSettings = {}): Resolved {
  const origin = { packageName: PACKAGE, functionName: 'createAgents' }
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings))
    throw new WaybillTypeError(origin, 'a settings object', settings, 'Leave it out to take the defaults.')
  check(origin, settings, CHECKS, '', 'See AgentSettings.')
  const { prefix = DEFAULT_PREFIX, semconvMode = 'app', maxDepth, tracerProvider, meterProvider } = settings
  const { prices = {}, currency = 'USD' } = settings
  return {
    telemetry: createTelemetry(
      { ...origin, version: VERSION, system: '' },
      { ...(tracerProvider && { tracerProvider }), ...(meterProvider && { meterProvider }) },
    ),
    keys: agentKeys(prefix),
    semconvMode,
    maxDepth,
    prices,
    currency,
  }
}

/** Checks the options of one call; names and texts may be left undefined. */
export function checkCall(functionName: string, options: object, checks: Record<string, Check>): void {
  check({ packageName: PACKAGE, functionName }, options, checks, '', 'See its options.')
}

/** @throws WaybillTypeError if this is no name */
export function checkName(functionName: string, what: string, name: unknown): void {
  if (typeof name === 'string' && name !== '') return
  throw new WaybillTypeError(
    { packageName: PACKAGE, functionName },
    `${what}, a string that is not empty,`,
    name,
    "Give it a name of low cardinality, such as 'planner'.",
  )
}
