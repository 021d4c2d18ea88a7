import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue, Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { PASSAGES_READ, quoteOf } from '../agent/quoting.ts'
import { searchTool } from '../agent/searching.ts'
import { keywords } from '../agent/words.ts'
import type { Finding, SubQuestion } from '../messages.ts'

/** Retriever and tool agent in one, of a demo that has BullMQ alone. A sub-question at a time; the others wait in BullMQ. */
await runAgent(async (desk) => {
  const { queues, bullmqUrl, waybill, progress, as, chat } = desk
  const tool = searchTool(desk)
  const { connection, backend } = bullmqBackend(bullmqUrl)
  const options = { connection, ...(waybill && { telemetry: bullmqTelemetry() }) }
  const findings = new Queue<Finding>(queues.findings, options, backend)
  const worker = new Worker<SubQuestion>(
    queues['sub-questions'],
    async (job) => research(job.data),
    options,
    backend,
  )
  await Promise.all([findings.waitUntilReady(), worker.waitUntilReady()])

  async function research(question: SubQuestion): Promise<void> {
    const { conversation } = question
    await as({ name: 'researcher', role: 'specialist', conversation }, async () => {
      const query = keywords(question.text).join(' ')
      const { call, finding } = quoteOf(question, await tool.search(query, PASSAGES_READ))
      await chat(call)
      await findings.add('finding', finding)
      progress(
        `${question.index + 1}/${question.count}: found ${PASSAGES_READ} passages, picked one of “${finding.source}”`,
      )
    })
  }

  return {
    async stop() {
      await worker.close()
      await tool.close()
      await findings.close()
    },
  }
})
