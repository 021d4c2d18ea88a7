import {
  context as contextApi,
  trace,
  type Attributes,
  type Counter,
  type Meter,
  type Span,
} from '@opentelemetry/api'
import { ATTR_DESTINATION_NAME, safely, warnOnce } from '@waybill/core/adapter'
import { drawId, frameOf, type Frame } from './frame.ts'
import { isAmount, priceOf } from './prices.ts'
import { ATTR_OPERATION_NAME, ATTR_REQUEST_MODEL, ATTR_TOKEN_TYPE } from './semconv.ts'
import type { Resolved } from './settings.ts'

/** What one call of a model used, as the model's client tells it. */
export interface ModelUsage {
  readonly inputTokens?: number | undefined
  readonly outputTokens?: number | undefined
  /** By which it is priced, and counted in metrics. */
  readonly model?: string | undefined
  /** What the provider charged, in the currency of the settings. Default: by the settings' prices. */
  readonly cost?: number | undefined
  /** The same whenever this call is told of. Default: the id of the span of the call if that is active, else a new one. */
  readonly id?: string | undefined
}

/** Operations that call a model. Spans of agents and workflows repeat what these used. */
const LEAF_OPERATIONS: ReadonlySet<unknown> = new Set([
  'chat',
  'text_completion',
  'generate_content',
  'embeddings',
])

export function isLeafOperation(operation: unknown): boolean {
  return LEAF_OPERATIONS.has(operation)
}

/** Counts what one call of a model used: for the agent at work, if any, and in metrics. Never throws. */
export function countUsage(resolved: Resolved, frame: Frame | undefined, usage: ModelUsage): void {
  const { telemetry, prices } = resolved
  safely(telemetry.log, 'recording usage', undefined, () => {
    const {
      inputTokens: input = 0,
      outputTokens: output = 0,
      model,
      id = idOf(trace.getActiveSpan()),
    } = usage
    if (!isAmount(input) || !isAmount(output) || (usage.cost !== undefined && !isAmount(usage.cost))) {
      warnOnce(telemetry.log, 'usage', 'Usage that is no number of 0 or more is not recorded.', usage)
      return
    }
    const cost = usage.cost ?? priceOf(prices, model, input, output)
    const isNew = frame?.ledger.record({ id, input, output, cost }) ?? true
    if (isNew) measure(resolved, frame, { input, output, cost, model })
  })
}

/** `recordUsage`: for the agent at work. */
export function recordHere(fallback: Resolved, usage: ModelUsage): void {
  const frame = frameOf(contextApi.active())
  countUsage(frame?.resolved ?? fallback, frame, usage)
}

function idOf(span: Span | undefined): string {
  // Recorded spans of every SDK let their attributes be read.
  const attributes = (span as { attributes?: Attributes } | undefined)?.attributes
  return isLeafOperation(attributes?.[ATTR_OPERATION_NAME]) ? span!.spanContext().spanId : drawId()
}

interface Instruments {
  readonly tokens: Counter
  readonly cost: Counter
}

const instruments = new WeakMap<Meter, Map<string, Instruments>>()

function instrumentsOf({ keys, currency }: Resolved, meter: Meter): Instruments {
  const made = instruments.get(meter) ?? new Map<string, Instruments>()
  instruments.set(meter, made)
  const known = made.get(keys.tokens)
  if (known !== undefined) return known
  const created = {
    tokens: meter.createCounter(keys.tokens, {
      unit: '{token}',
      description: 'Tokens that agents used in calls of models of their own.',
    }),
    cost: meter.createCounter(keys.cost, {
      unit: currency,
      description: 'What the calls of models by agents cost, as far as known.',
    }),
  }
  made.set(keys.tokens, created)
  return created
}

/** By role, model and queue: names of agents and runs have no place on metrics. */
function measure(
  resolved: Resolved,
  frame: Frame | undefined,
  used: { input: number; output: number; cost: number | undefined; model: string | undefined },
): void {
  const { keys, currency, telemetry } = resolved
  const meter = telemetry.signals()?.meter
  if (meter === undefined) return
  const { tokens, cost } = instrumentsOf(resolved, meter)
  const attributes: Attributes = {
    ...(frame?.role !== undefined && { [keys.role]: frame.role }),
    ...(used.model !== undefined && { [ATTR_REQUEST_MODEL]: used.model }),
    ...(frame?.queue !== undefined && { [ATTR_DESTINATION_NAME]: frame.queue }),
  }
  tokens.add(used.input, { ...attributes, [ATTR_TOKEN_TYPE]: 'input' })
  tokens.add(used.output, { ...attributes, [ATTR_TOKEN_TYPE]: 'output' })
  if (used.cost !== undefined) cost.add(used.cost, { ...attributes, [keys.costCurrency]: currency })
}

/** What an agent's span says of its usage when it ends; nothing if nothing is known. */
export function usageAttributes(
  { resolved: { keys, currency }, ledger }: Frame,
  complete: boolean,
): Attributes {
  if (ledger.isEmpty) return {}
  const { self, subtree } = ledger
  return {
    [keys.selfInput]: self.input,
    [keys.selfOutput]: self.output,
    [keys.selfCalls]: self.calls,
    ...(self.cost !== undefined && { [keys.costAmount]: self.cost, [keys.costCurrency]: currency }),
    [keys.subtreeInput]: subtree.input,
    [keys.subtreeOutput]: subtree.output,
    [keys.subtreeCalls]: subtree.calls,
    ...(subtree.cost !== undefined && { [keys.subtreeCost]: subtree.cost }),
    [keys.subtreeComplete]: complete,
  }
}
