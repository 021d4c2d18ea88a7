import { setTimeout as sleep } from 'node:timers/promises'
import { SpanKind } from '@opentelemetry/api'
import { createAgents } from '@waybill/agent'
import { step } from './step.ts'
import { allWords } from './words.ts'

/** Invented, per million tokens: there is no such model. */
export const { withAgentSpan, recordUsage } = createAgents({
  prices: { 'mock-large': { input: 3, output: 15 }, 'mock-small': { input: 0.25, output: 1.25 } },
})

/** One call of a model. */
export interface ChatCall {
  readonly model: 'mock-large' | 'mock-small'
  readonly prompt: string
  /** What it will say: there is nobody to ask. */
  readonly answer: string
  /** How long it takes. */
  readonly ms: number
}

/**
 * Stands for a call of a model: of fixed length and with a fixed answer, so that every run tells the same story and no key is
 * needed. A word counts as a token. The span is the one that instrumentations of models make, the same in both runs.
 */
export async function callModel({ model, prompt, answer, ms }: ChatCall, waybill: boolean): Promise<void> {
  const inputTokens = allWords(prompt).length
  const outputTokens = allWords(answer).length
  await step(
    `chat ${model}`,
    async () => {
      await sleep(ms)
      if (waybill) recordUsage({ model, inputTokens, outputTokens })
    },
    {
      kind: SpanKind.CLIENT,
      attributes: {
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'mock',
        'gen_ai.request.model': model,
        'gen_ai.usage.input_tokens': inputTokens,
        'gen_ai.usage.output_tokens': outputTokens,
      },
    },
  )
}
