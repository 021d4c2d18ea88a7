import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { diagnoseExport } from '@waybill/doctor'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'

const brokers = inject('brokers')
const urlOf = (broker: keyof typeof brokers): string => {
  const running = brokers[broker]
  return 'url' in running ? running.url : ''
}
const root = path.resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-whole-demo-'))
afterAll(() => rmSync(folder, { recursive: true }))

const command = ['--conditions=waybill-source', 'examples/research-pipeline/src/main.ts']
const settings = {
  cwd: root,
  env: {
    ...process.env,
    REDIS_URL: urlOf('redis'),
    AMQP_URL: urlOf('rabbitmq'),
    KAFKA_BROKERS: urlOf('kafka'),
    DEMO_OUTPUT: folder,
  },
}

interface Span {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly service: string
  readonly attributes: Readonly<Record<string, unknown>>
  readonly links: number
}

function spansOf(run: 'before' | 'after'): Span[] {
  const text = readFileSync(path.join(folder, `${run}.otlp.json`), 'utf8')
  const { resourceSpans } = JSON.parse(text) as { resourceSpans: any[] }
  const plain = (list: any[] = []): Record<string, unknown> =>
    Object.fromEntries(list.map(({ key, value }) => [key, Object.values(value as object)[0]]))
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }: any) =>
      spans.map((span: any) => ({
        ...span,
        service: plain(resource.attributes)['service.name'],
        attributes: plain(span.attributes),
        links: span.links?.length ?? 0,
      })),
    ),
  )
}

const whole = (['redis', 'rabbitmq', 'kafka'] as const).every((broker) => urlOf(broker) !== '')

describe.skipIf(!whole)('the demo on all brokers', () => {
  let stdout = ''
  let summary: any
  beforeAll(async () => {
    ;({ stdout } = await promisify(execFile)(process.execPath, command, { ...settings, timeout: 60_000 }))
    summary = JSON.parse(readFileSync(path.join(folder, 'summary.json'), 'utf8'))
  }, 70_000)

  test('is one trace after and fourteen before, thirteen of them orphans: one for each delivery and each tool call', () => {
    expect(summary.before).toMatchObject({ traces: 14, orphanRoots: 13, toolCalls: 0 })
    expect(summary.after).toMatchObject({ traces: 1, orphanRoots: 0 })
    expect(stdout).toMatch(
      /without Waybill +14 +13 +\d+ of \d+ +planner 1, retriever 3, tool-agent 3, vector-search 3, aggregator 3/,
    )
  })

  test('agents-15: role, depth, caller and own cost of each agent over BullMQ, Kafka, RabbitMQ and Redis streams', () => {
    const at = (depth: number, name: string, role: string, runs: number, costSelf: number, caller?: string) =>
      expect.objectContaining({ name, role, depth, runs, costSelf, ...(caller !== undefined && { caller }) })
    expect(summary.agents).toEqual([
      at(0, 'orchestrator', 'orchestrator', 1, 0.000576),
      at(1, 'planner', 'planner', 1, 0.000492, 'orchestrator'),
      at(2, 'retriever', 'specialist', 3, 0.000028, 'planner'),
      at(3, 'tool-agent', 'specialist', 3, 0.0001735, 'retriever'),
      at(4, 'aggregator', 'aggregator', 1, 0.00135, 'tool-agent'),
    ])
    expect(stdout).toMatch(/ {8}tool-agent +specialist +3 +retriever +3 +359 \/ 67 +\$0\.00017/)
    expect(stdout).toMatch(/all agents +\$0\.002620/)
  })

  test('agents-18: the orchestrator knows what the reply told it, and says that this is not all', () => {
    const lead = spansOf('after').find(({ name }) => name === 'invoke_agent orchestrator')
    expect(lead?.attributes).toMatchObject({
      'app.agent.cost.amount': 0.000576,
      'app.agent.usage.subtree.calls': expect.toSatisfy((calls) => Number(calls) === 2),
      'app.agent.usage.subtree.complete': false,
    })
    expect(lead?.attributes['app.agent.usage.subtree.cost']).toBeCloseTo(0.000576 + 0.00135, 9)
  })

  test('agents-30: session.id set at the HTTP edge is on every span after BullMQ, Kafka, RabbitMQ, Redis streams and MCP hops', () => {
    const spans = spansOf('after')
    const session = spans.find(({ parentSpanId }) => !parentSpanId)?.attributes['session.id']
    expect(session).toMatch(/^s[0-9a-f]{6}$/)
    expect(spans.filter(({ attributes }) => attributes['session.id'] !== session)).toEqual([])
    expect(new Set(spans.map(({ service }) => service))).toEqual(
      new Set(['orchestrator', 'planner', 'retriever', 'tool-agent', 'vector-search', 'aggregator']),
    )
    expect(summary.after).toMatchObject({ spans: spans.length, spansWithSession: spans.length })
    // Without Waybill it gets as far as HTTP does.
    const before = spansOf('before').filter(({ attributes }) => attributes['session.id'] !== undefined)
    expect(new Set(before.map(({ service }) => service))).toEqual(new Set(['orchestrator']))
  })

  test('agents-1: each tool call has its client span here, its server span in the stdio child, and the search below, in one trace', () => {
    const spans = spansOf('after')
    const below = ({ spanId }: Span) => spans.filter(({ parentSpanId }) => parentSpanId === spanId)
    const calls = spans.filter(({ name, kind }) => name === 'tools/call search' && kind === 3)
    expect(calls).toHaveLength(3)
    for (const call of calls) {
      expect(call.service).toBe('tool-agent')
      const [server, ...others] = below(call)
      expect(others).toEqual([])
      expect(server).toMatchObject({ name: 'tools/call search', kind: 2, service: 'vector-search' })
      expect(server?.attributes['network.transport']).toBe('pipe')
      const [search] = below(server as Span)
      expect(search).toMatchObject({ name: 'search passages', service: 'vector-search' })
      expect(Number(search?.attributes['db.response.returned_rows'])).toBe(6)
    }
    expect(summary.after.toolCalls).toBe(3)
  })

  test('agents-4: the connection was made for the first call, and only that one has its handshake', () => {
    const spans = spansOf('after')
    const runs = spans.filter(({ name }) => name === 'invoke_agent tool-agent')
    const calledFrom = spans
      .filter(({ name, kind }) => name === 'tools/call search' && kind === 3)
      .map(({ parentSpanId }) => parentSpanId)
    expect(new Set(calledFrom)).toEqual(new Set(runs.map(({ spanId }) => spanId)))
    expect(spans.filter(({ name, kind }) => name === 'initialize' && kind === 3)).toHaveLength(1)
  })

  test('the aggregator joins in one span with three links', () => {
    const joins = spansOf('after').filter(({ name }) => name === 'join findings')
    expect(joins.map(({ service, links }) => [service, links])).toEqual([['aggregator', 3]])
    expect(summary.after.joined).toBe(3)
  })

  test('the doctor finds nothing after, and names every broken hop before', () => {
    const examine = (run: string) =>
      diagnoseExport(JSON.parse(readFileSync(path.join(folder, `${run}.otlp.json`), 'utf8')))
    expect(examine('after').findings).toEqual([])
    const hops = examine('before').findings.map(({ rule, hop }) => `${rule} ${hop.consumer ?? hop.producer}`)
    for (const agent of ['planner', 'retriever', 'tool-agent', 'aggregator'])
      expect(hops).toContain(`TRACE-ID-DISCONTINUITY ${agent}`)
    expect(hops).toContain('TOOL-ROOT vector-search')
  })

  test('there is one picture of both runs, on its own and in the page', () => {
    const picture = readFileSync(path.join(folder, 'before-after.svg'), 'utf8')
    expect(picture.match(/class="root"/g)).toHaveLength(2)
    expect(picture.match(/class="root orphan"/g)).toHaveLength(13)
    expect(readFileSync(path.join(folder, 'waterfall.html'), 'utf8')).toContain('class="root"')
  })

  test('is over soon after Ctrl-C, and so is the tool at the other end of the pipe', async () => {
    // A group of its own is what a terminal makes of it: every process of it gets the signal.
    const child = spawn(process.execPath, command, {
      ...settings,
      detached: true,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const exited = once(child, 'exit')
    await new Promise<void>((resolve) => {
      let text = ''
      child.stdout.on('data', (chunk: Buffer) => {
        text += String(chunk)
        if (text.includes('found 6 passages')) resolve()
      })
    })
    process.kill(-(child.pid as number), 'SIGINT')
    expect(await exited).toEqual([130, null])
    expect(() => process.kill(-(child.pid as number), 0)).toThrow(/ESRCH/)
  }, 30_000)
})
