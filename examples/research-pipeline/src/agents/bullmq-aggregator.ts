import type { Link, Span } from '@opentelemetry/api'
import { bullmqTelemetry } from '@waybill/bullmq'
import { Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { post } from '../agent/http.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import type { Answer, Finding } from '../messages.ts'

/** The aggregator of a demo that has BullMQ alone. */
await runAgent(async ({ queues, bullmqUrl, waybill, progress }) => {
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const worker = new Worker<Finding>(queues.findings, async (job) => collect(job.data), options, backend)
  await worker.waitUntilReady()
  const collected: Finding[] = []
  const links: Link[] = []

  async function collect(finding: Finding): Promise<void> {
    const conversation = ofConversation(finding.conversation)
    const add = async (span: Span): Promise<void> => {
      await think(15)
      collected.push(finding)
      links.push({ context: span.spanContext() })
      progress(`${collected.length} of ${finding.count} findings are here`)
      if (collected.length < finding.count) return
      await step('answer', (joined) => answer(finding.replyTo, joined), {
        ...conversation,
        links: links.slice(0, -1),
      })
    }
    await step('collect', add, conversation)
  }

  async function answer(replyTo: string, span: Span): Promise<void> {
    await think(180)
    const findings = collected.toSorted((a, b) => a.index - b.index)
    const text = findings.map(({ quote, source }) => `${quote} [${source}]`).join(' ')
    span.setAttribute('research.findings', findings.length)
    await post(replyTo, { text, findings } satisfies Answer)
    progress('joined the findings into the answer')
  }

  return { stop: () => worker.close() }
})
