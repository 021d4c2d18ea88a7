import { type Link, trace } from '@opentelemetry/api'
import { aggregate, attachUsage } from '@waybill/agent'
import { pack, type Packed } from '@waybill/core'
import type { Answer, Finding } from '../messages.ts'
import type { Desk } from './agent.ts'
import { post } from './http.ts'
import { ofConversation, step } from './step.ts'

/** What an aggregator does with each finding: the last one brings the answer. */
export function collector({ waybill, progress, as, chat }: Desk): (finding: Finding) => Promise<void> {
  const collected: Packed<Finding>[] = []

  async function answer(): Promise<void> {
    const join = async (findings: readonly Finding[]): Promise<void> => {
      const sorted = findings.toSorted((a, b) => a.index - b.index)
      const text = sorted.map(({ quote, source }) => `${quote} [${source}]`).join(' ')
      await chat({
        model: 'mock-large',
        prompt: `Make one answer of these findings: ${text}`,
        answer: text,
        ms: 180,
      })
      await post(sorted[0]?.replyTo ?? '', attachUsage({ text, findings: sorted } satisfies Answer))
    }
    // The same by hand: one span that links where each finding came in.
    await (waybill
      ? aggregate(collected, join, { name: 'join findings' })
      : step('join findings', () => join(collected.map(({ item }) => item)), { links: linksOf(collected) }))
    progress('joined the findings into the answer')
  }

  return async (finding) => {
    const { conversation, count } = finding
    await step(
      'collect',
      async () => {
        collected.push(pack(finding))
        progress(`${collected.length} of ${count} findings are here`)
        if (collected.length === count)
          await as({ name: 'aggregator', role: 'aggregator', conversation }, answer)
      },
      ofConversation(conversation),
    )
  }
}

function linksOf(packed: readonly Packed<Finding>[]): Link[] {
  return packed
    .map((each) => trace.getSpanContext(each.context))
    .filter((from) => from !== undefined)
    .map((from) => ({ context: from }))
}
