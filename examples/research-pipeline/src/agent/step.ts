import { type Context, context, type Span, type SpanOptions, SpanStatusCode, trace } from '@opentelemetry/api'

interface StepOptions extends SpanOptions {
  /** Default: what is active. */
  readonly parent?: Context
}

/** What agents commonly put on their spans, and what the doctor knows a request by. */
export function ofConversation(conversation: string): StepOptions {
  return { attributes: { 'gen_ai.conversation.id': conversation } }
}

/** A piece of an agent's work in a hand-made span, the same in both runs. */
export function step<T>(
  name: string,
  work: (span: Span) => Promise<T>,
  { parent = context.active(), ...options }: StepOptions = {},
): Promise<T> {
  return trace.getTracer('research-pipeline').startActiveSpan(name, options, parent, async (span) => {
    try {
      return await work(span)
    } catch (error) {
      span.recordException(error as Error)
      span.setStatus({ code: SpanStatusCode.ERROR, message: (error as Error).message })
      throw error
    } finally {
      span.end()
    }
  })
}
