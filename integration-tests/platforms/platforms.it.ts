import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import type { RawSpan } from '../../packages/doctor/src/input/raw-span.ts'
import { startReceiver, type Receiver } from '../../packages/doctor/src/live/receiver.ts'

const here = import.meta.dirname
const broker = inject('brokers').redis
const redisUrl = 'url' in broker ? broker.url : ''

/** What a service says at its end. */
interface Said {
  readonly warnings: string[]
  /** Baggage in the handler. */
  readonly baggage: Record<string, string>
}

const NO_TRACEPARENT = expect.stringContaining('The propagator writes no traceparent') as string

describe.skipIf(redisUrl === '')('beside Waybill, over a queue', () => {
  let receiver: Receiver
  let redis: Redis
  let spans: RawSpan[] = []
  let stream = ''
  beforeAll(async () => {
    redis = new Redis(redisUrl)
    receiver = await startReceiver((span) => spans.push(span))
  })
  afterAll(async () => {
    redis.disconnect()
    await receiver.close()
  })
  beforeEach(() => {
    spans = []
    stream = `platform-${randomUUID()}`
  })
  afterEach(() => redis.del(stream))

  /** Two services, each a process of its own, that export to the receiver as the platform has it. */
  async function journey(platform: string, setup: string): Promise<{ sent: Said; handled: Said }> {
    const run = async (role: string): Promise<Said> => {
      const file = path.join(here, 'child/service.mjs')
      const args = ['--no-warnings', '--conditions=waybill-source', file, platform, setup, role]
      const { stdout } = await promisify(execFile)(process.execPath, [
        ...args,
        receiver.endpoint,
        redisUrl,
        stream,
      ])
      return JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as Said
    }
    const services = { sent: await run('send'), handled: await run('handle') }
    expect(new Set(spans.map(({ spanId }) => spanId)).size, 'each span once').toBe(spans.length)
    return services
  }
  const children = (parent: string | undefined, indent = ''): string[] =>
    spans
      .filter(({ parentSpanId }) => parentSpanId === parent)
      .toSorted((a, b) => a.start - b.start || (a.name < b.name ? 1 : -1))
      .flatMap(({ name, spanId }) => [
        indent + name.replace(` ${stream}`, ''),
        ...children(spanId, `${indent}  `),
      ])
  const traces = (): number => new Set(spans.map(({ traceId }) => traceId)).size
  const valuesOf = (key: string): unknown[] => [...new Set(spans.map(({ attributes }) => attributes[key]))]
  const names = (): string[] => spans.map(({ name }) => name).toSorted()
  const tree = (agent: string, search: string, answer: string): string[] => [
    agent,
    `  ${search}`,
    '    xadd',
    '      transit',
    '      process',
    `        ${answer}`,
  ]

  test('platforms: Langfuse with our spans let through: one tree, the session on every span', async () => {
    const { sent, handled } = await journey('langfuse', 'whole')
    expect([sent.warnings, handled.warnings]).toEqual([[], []])
    expect(traces()).toBe(1)
    expect(children(undefined)).toEqual(tree('agent', 'search', 'answer'))
    expect([valuesOf('session.id'), valuesOf('user.id')]).toEqual([['s-7'], ['u-1']])
    expect(handled.baggage).toMatchObject({ langfuse_session_id: 's-7', langfuse_user_id: 'u-1' })
  })

  test('platforms: Langfuse by default leaves our spans out: one trace, and a gap in its tree', async () => {
    await journey('langfuse', 'default')
    expect([traces(), names()]).toEqual([1, ['agent', 'answer', 'search']])
    expect(children(undefined)).toEqual(['agent', '  search'])
    expect(valuesOf('session.id')).toEqual(['s-7'])
  })

  test('platforms: Phoenix: one tree, OpenInference kinds as they were, the session by baggage', async () => {
    const { sent, handled } = await journey('phoenix', 'whole')
    expect([sent.warnings, handled.warnings]).toEqual([[], []])
    expect(traces()).toBe(1)
    expect(children(undefined)).toEqual(tree('agent', 'search', 'answer'))
    expect(valuesOf('session.id')).toEqual(['s-7'])
    const kinds = spans
      .filter(({ scope }) => scope === 'openinference-core')
      .map(({ name, attributes }) => [name, attributes['openinference.span.kind']])
    expect(Object.fromEntries(kinds)).toEqual({ agent: 'AGENT', search: 'TOOL', answer: 'CHAIN' })
  })

  test('platforms: Phoenix with its own session: one tree, the session on the spans of the first process only', async () => {
    await journey('phoenix', 'default')
    expect(traces()).toBe(1)
    expect(children(undefined)).toEqual(tree('agent', 'search', 'answer'))
    const sessions = spans.filter(({ attributes }) => attributes['session.id'] === 's-7')
    const marked = sessions.map(({ name }) => name.replace(` ${stream}`, '')).toSorted()
    expect(marked).toEqual(['agent', 'search', 'xadd'])
  })

  test('platforms: OpenLLMetry: one tree; the session comes by baggage, its own properties stay behind', async () => {
    const { sent, handled } = await journey('openllmetry', 'whole')
    expect([sent.warnings, handled.warnings]).toEqual([[], []])
    expect(traces()).toBe(1)
    expect(children(undefined)).toEqual(tree('agent.agent', 'search.tool', 'answer.task'))
    expect(valuesOf('session.id')).toEqual(['s-7'])
    const withUser = spans.filter(
      ({ attributes }) => attributes['traceloop.association.properties.user_id'] === 'u-1',
    )
    expect(withUser.map(({ name }) => name.replace(` ${stream}`, '')).toSorted()).toEqual([
      'agent.agent',
      'search.tool',
      'xadd',
    ])
  })

  test('platforms: LangSmith, all spans by OTLP: one tree, the session by baggage', async () => {
    const { sent, handled } = await journey('langsmith', 'whole')
    expect([sent.warnings, handled.warnings]).toEqual([[], []])
    expect(traces()).toBe(1)
    expect(children(undefined)).toEqual(tree('agent', 'search', 'answer'))
    expect(valuesOf('session.id')).toEqual(['s-7'])
  })

  test('platforms: LangSmith by initializeOTEL() has no propagator: two traces, and we say so', async () => {
    const { sent, handled } = await journey('langsmith', 'default')
    expect([sent.warnings, handled.warnings]).toEqual([[NO_TRACEPARENT], [NO_TRACEPARENT]])
    expect([traces(), names()]).toEqual([2, ['agent', 'answer', 'search']])
  })

  test('platforms: LangSmith by initializeOTEL() and a propagator: one trace, its runs on the other side are roots', async () => {
    await journey('langsmith', 'propagator')
    expect([traces(), names()]).toEqual([1, ['agent', 'answer', 'search']])
    const roots = spans.filter(({ attributes }) => attributes['langsmith.is_root'] === true)
    expect(roots.map(({ name }) => name).toSorted()).toEqual(['agent', 'answer'])
  })
})

test('platforms: the page names the versions that run here', () => {
  const page = readFileSync(path.join(here, '../../docs/observability-platforms.md'), 'utf8')
  const { devDependencies } = JSON.parse(readFileSync(path.join(here, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>
  }
  for (const [name, version] of Object.entries(devDependencies))
    if (!name.startsWith('@opentelemetry/')) expect(page).toContain(`\`${name}\` ${version}`)
})
