import type { Span } from '@opentelemetry/api'
import { bullmqTelemetry } from '@waybill/bullmq'
import { Queue, Worker } from 'bullmq'
import { runAgent } from '../agent/agent.ts'
import { bullmqBackend } from '../agent/bullmq.ts'
import { readCorpus } from '../agent/corpus.ts'
import { ofConversation, step, think } from '../agent/step.ts'
import { allWords, byOverlap } from '../agent/words.ts'
import type { Finding, Passage, SubQuestion } from '../messages.ts'

/** The slow one: a sub-question at a time, and almost a second for each. The others wait in BullMQ. */
const SECONDS_OF_THOUGHT = 0.9

await runAgent(async ({ queues, bullmqUrl, waybill, progress }) => {
  const corpus = readCorpus()
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
    const read = async (span: Span): Promise<void> => {
      await think(SECONDS_OF_THOUGHT * 1000)
      const textOf = ({ title, text }: Passage): string => `${title} ${text}`
      const passages = byOverlap<Passage>(question.text, corpus, textOf).slice(0, 2)
      const sentences = passages.flatMap(({ title, text }) =>
        (text.match(/[^.]+\./g) ?? []).map((sentence) => ({ source: title, quote: sentence.trim() })),
      )
      const [best] = byOverlap(question.text, sentences, (sentence) => sentence.quote)
      if (best === undefined) throw new Error(`Nothing to quote for: ${question.text}`)
      const wordsRead = passages.reduce((sum, { text }) => sum + allWords(text).length, 0)
      span.setAttribute('research.words_read', wordsRead)
      await findings.add('finding', { ...question, ...best, wordsRead })
      progress(`${question.index + 1}/${question.count}: read ${wordsRead} words, picked a quote`)
    }
    await step('research', read, ofConversation(question.conversation))
  }

  return {
    async stop() {
      await worker.close()
      await findings.close()
    },
  }
})
