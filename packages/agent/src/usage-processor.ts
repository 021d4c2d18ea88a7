import type { Attributes, Context, SpanContext } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'
import { frameOf, type Frame } from './frame.ts'
import { ATTR_OPERATION_NAME, ATTR_REQUEST_MODEL, ATTR_RESPONSE_MODEL } from './semconv.ts'
import type { Resolved } from './settings.ts'
import { countUsage, isLeafOperation } from './usage.ts'

/** The part of the SDK's span that is read; the same in SDK 2 and SDK 3. */
interface ReadSpan {
  readonly attributes: Attributes
  readonly parentSpanContext?: SpanContext
  spanContext(): SpanContext
}

/** A span processor, of SDK 2 and SDK 3, that counts what calls of models used. */
export interface UsageSpanProcessor {
  onStart(span: object, parentContext: Context): void
  onEnd(span: object): void
  forceFlush(): Promise<void>
  shutdown(): Promise<void>
}

/** Under which names instrumentations tell of tokens, the newest first. */
const INPUT_TOKENS = ['gen_ai.usage.input_tokens', 'gen_ai.usage.prompt_tokens', 'llm.token_count.prompt']
const OUTPUT_TOKENS = [
  'gen_ai.usage.output_tokens',
  'gen_ai.usage.completion_tokens',
  'llm.token_count.completion',
]
const MODEL = [ATTR_REQUEST_MODEL, ATTR_RESPONSE_MODEL, 'llm.model_name']

/** `usageSpanProcessor` under these settings. */
export function createUsageProcessor(resolved: Resolved): UsageSpanProcessor {
  const { log } = resolved.telemetry
  const agents = new WeakMap<object, Frame>()
  /** Spans whose child is itself such a call, with the child's usage repeated: two instrumentations of one call. */
  const covered = new WeakMap<Frame, Set<string>>()

  function count(span: ReadSpan): void {
    const { attributes } = span
    const frame = agents.get(span)
    if (!isModelCall(attributes)) return
    const inputTokens = first(attributes, INPUT_TOKENS)
    const outputTokens = first(attributes, OUTPUT_TOKENS)
    if (inputTokens === undefined && outputTokens === undefined) return
    const id = span.spanContext().spanId
    if (frame !== undefined) {
      const repeated = covered.get(frame) ?? new Set()
      covered.set(frame, repeated)
      if (span.parentSpanContext !== undefined) repeated.add(span.parentSpanContext.spanId)
      if (repeated.has(id)) return
    }
    countUsage(frame?.resolved ?? resolved, frame, {
      id,
      inputTokens: inputTokens as number | undefined,
      outputTokens: outputTokens as number | undefined,
      model: first(attributes, MODEL) as string | undefined,
    })
  }
  return {
    onStart(span, parentContext) {
      const frame = safely(log, 'finding the agent of a span', undefined, () => frameOf(parentContext))
      if (frame !== undefined) agents.set(span, frame)
    },
    onEnd(span) {
      safely(log, 'counting usage', undefined, () => count(span as ReadSpan))
    },
    forceFlush: () => Promise.resolve(),
    shutdown: () => Promise.resolve(),
  }
}

function isModelCall(attributes: Attributes): boolean {
  const kind = attributes['openinference.span.kind']
  return isLeafOperation(attributes[ATTR_OPERATION_NAME]) || kind === 'LLM' || kind === 'EMBEDDING'
}

function first(attributes: Attributes, names: readonly string[]): Attributes[string] {
  const name = names.find((each) => attributes[each] !== undefined)
  return name === undefined ? undefined : attributes[name]
}
