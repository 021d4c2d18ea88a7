import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { trace } from '@opentelemetry/api'
import { attachUsage, mergeUsage, usageSpanProcessor, withAgentSpan } from '@waybill/agent'
import type { RecordedSpan } from '@waybill/core/testing'
import { otlpFileExporter } from '@waybill/doctor/exporter'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { lines, type Line } from './lines.ts'

const brokers = inject('brokers')
const urlOf = (broker: keyof typeof brokers): string => {
  const running = brokers[broker]
  return 'url' in running ? running.url : ''
}

/** A call of a model, as instrumentations tell of it. */
function chat(input: number): void {
  const attributes = {
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'm1',
    'gen_ai.usage.input_tokens': input,
    'gen_ai.usage.output_tokens': 1,
  }
  trace.getTracer('model').startSpan('chat m1', { attributes }).end()
}

describe('usage over real queues', () => {
  let telemetry: TestTelemetry
  let opened: Line[] = []
  beforeEach(() => {
    telemetry = installSdk({ processors: [usageSpanProcessor()] })
  })
  afterEach(async () => {
    await Promise.all(opened.map((line) => line.close()))
    opened = []
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const open = async (name: string, count: number): Promise<Line[]> => {
    const { broker, open: make } = lines[name]!
    const made = await Promise.all(Array.from({ length: count }, () => make(urlOf(broker))))
    opened.push(...made)
    return made
  }
  const ended = () =>
    vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]), { timeout: 8000, interval: 5 })
  const agents = (name: string): RecordedSpan[] =>
    telemetry.recorder.spans.filter((span) => span.name === `invoke_agent ${name}`)

  test.each(Object.entries(lines).filter(([, { broker }]) => urlOf(broker) !== ''))(
    "agents-17: over %s a reply takes the worker's usage back, duplicates change nothing, and the whole is known",
    async (name) => {
      const [questions, replies] = (await open(name, 2)) as [Line, Line]
      const heard: string[] = []
      const answered = Promise.withResolvers<void>()
      await questions.consume((question) =>
        withAgentSpan({ name: 'worker' }, async () => {
          chat(100)
          await replies.send(JSON.stringify(attachUsage({ question })))
        }),
      )
      await replies.consume((reply) => {
        if (heard.push(reply) === 2) answered.resolve()
      })
      await withAgentSpan({ name: 'orchestrator' }, async () => {
        chat(10)
        await questions.send('why?')
        await questions.send('how?')
        await answered.promise
        const read = () => heard.map((reply) => mergeUsage(JSON.parse(reply)))
        expect(read()).toEqual(expect.arrayContaining([{ question: 'why?' }, { question: 'how?' }]))
        heard.reverse()
        read()
      })
      await ended()
      expect(agents('worker')).toHaveLength(2)
      expect(agents('orchestrator')[0]?.attributes).toMatchObject({
        'app.agent.usage.self.input_tokens': 10,
        'app.agent.usage.subtree.input_tokens': 210,
        'app.agent.usage.subtree.calls': 3,
        'app.agent.usage.subtree.complete': true,
      })
    },
  )

  test.skipIf(urlOf('redis') === '')(
    "agents-18: a failed attempt and a late child over BullMQ: 310 of 1,510 on the orchestrator's span, incomplete; doctor cost has all",
    async () => {
      const [questions, replies, chores] = (await open('bullmq', 3)) as [Line, Line, Line]
      let attempt = 0
      const released = Promise.withResolvers<void>()
      const answered = Promise.withResolvers<string>()
      await questions.consume(() =>
        withAgentSpan({ name: 'worker' }, async () => {
          attempt++
          chat(attempt === 1 ? 100 : 300)
          if (attempt === 1) throw new Error('crash')
          await replies.send(JSON.stringify(attachUsage({})))
        }),
      )
      await chores.consume(async () => {
        await released.promise
        await withAgentSpan({ name: 'late' }, async () => chat(1100))
      })
      await replies.consume(answered.resolve)
      await withAgentSpan({ name: 'orchestrator' }, async () => {
        chat(10)
        await questions.send('why?')
        await chores.send('tidy up')
        mergeUsage(JSON.parse(await answered.promise))
      })
      released.resolve()
      await vi.waitFor(() => expect(agents('late')).toHaveLength(1))
      await ended()
      expect(agents('orchestrator')[0]?.attributes).toMatchObject({
        'app.agent.usage.subtree.input_tokens': 310,
        'app.agent.usage.subtree.complete': false,
      })
      // Whoever has the spans has it all: the sum over agents' own usage, the wasted attempt told by its number and error.
      const { spans } = telemetry.recorder
      expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1)
      const own = spans.map(({ attributes }) => Number(attributes['app.agent.usage.self.input_tokens'] ?? 0))
      expect(own.reduce((sum, tokens) => sum + tokens, 0)).toBe(1510)
      const [wasted, useful] = agents('worker')
      const attemptOf = (agent: RecordedSpan | undefined): unknown =>
        spans.find((span) => span.spanContext().spanId === agent?.parentSpanContext?.spanId)?.attributes[
          'waybill.delivery.attempt'
        ]
      expect([attemptOf(wasted), attemptOf(useful)]).toEqual([1, 2])
      expect(wasted?.attributes).toMatchObject({
        'error.type': 'Error',
        'app.agent.usage.self.input_tokens': 100,
      })
      expect(await costOf(spans)).toMatchObject({
        total: { calls: 4, tokens: { input: 1510 } },
        wasted: { tokens: { input: 100 } },
        late: { tokens: { input: 1100 } },
      })
    },
  )
})

/** What `waybill-doctor cost` says of these spans. */
async function costOf(spans: readonly RecordedSpan[]): Promise<unknown> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-usage-'))
  try {
    const file = path.join(folder, 'trace.jsonl')
    const exporter = otlpFileExporter(file)
    await new Promise((resolve) => exporter.export([...spans] as never, resolve))
    await exporter.shutdown()
    const cli = path.resolve(import.meta.dirname, '../../packages/doctor/src/cli.ts')
    const args = ['--no-warnings', '--conditions=waybill-source', cli, 'cost', '--format', 'json', file]
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 20_000 })
    return JSON.parse(stdout)
  } finally {
    rmSync(folder, { recursive: true })
  }
}
