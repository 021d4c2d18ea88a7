import { context, propagation } from '@opentelemetry/api'
import { DelegationDepthError, withAgentSpan, type AgentRun } from '@waybill/agent'
import type { TelemetryOptions } from '@waybill/core'
import { traceTree } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, inject, test, vi } from 'vitest'
import { installSdk, type TestTelemetry } from '../telemetry.ts'
import { lines, type Line } from './lines.ts'

const brokers = inject('brokers')
const DEPTH = 'app.agent.delegation.depth'
const about = (run: AgentRun) => [run.depth, run.caller]

describe.each(Object.entries(lines))('delegation over %s', (name, { broker, open }) => {
  const running = brokers[broker]
  const url = 'url' in running ? running.url : ''
  let telemetry: TestTelemetry
  let opened: Line[] = []
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    await Promise.all(opened.map((line) => line.close()))
    opened = []
    await telemetry.finish()
  })
  const line = async (options?: TelemetryOptions): Promise<Line> => {
    const made = await open(url, { transitSpan: { enabled: false }, ...options })
    opened.push(made)
    return made
  }
  const ended = () =>
    vi.waitFor(() => expect(telemetry.recorder.open).toEqual([]), { timeout: 8000, interval: 5 })

  test.skipIf(url === '')(
    `agents-15: depth 0, 1, 2 over two hops of ${name} in one trace, caller and session with it`,
    async () => {
      const [questions, findings] = await Promise.all([line(), line()])
      const seen: unknown[] = []
      const sessions: unknown[] = []
      const answered = Promise.withResolvers<void>()
      const session = (): unknown => propagation.getActiveBaggage()?.getEntry('session.id')?.value
      await Promise.all([
        questions.consume((question) =>
          withAgentSpan({ name: 'planner', role: 'planner' }, async (run) => {
            seen.push(about(run))
            sessions.push(session())
            // Two siblings share a depth.
            await findings.send(`${question} 1`)
            await findings.send(`${question} 2`)
          }),
        ),
        findings.consume(() =>
          withAgentSpan({ name: 'retriever', role: 'specialist' }, (run) => {
            seen.push(about(run))
            sessions.push(session())
            if (seen.length === 4) answered.resolve()
          }),
        ),
      ])
      const baggage = propagation.createBaggage({ 'session.id': { value: 's1' } })
      await context.with(propagation.setBaggage(context.active(), baggage), () =>
        withAgentSpan({ name: 'orchestrator', role: 'orchestrator' }, async (run) => {
          seen.push(about(run))
          await questions.send('why?')
        }),
      )
      await answered.promise
      await ended()
      expect(seen).toEqual([
        [0, undefined],
        [1, 'orchestrator'],
        [2, 'planner'],
        [2, 'planner'],
      ])
      expect(sessions).toEqual(['s1', 's1', 's1'])
      const { spans } = telemetry.recorder
      expect(new Set(spans.map((span) => span.spanContext().traceId)).size).toBe(1)
      const agents = spans.filter((span) => span.name.startsWith('invoke_agent '))
      // Inside the process span of its message, each of them.
      for (const agent of agents.filter(({ attributes }) => attributes[DEPTH] !== 0)) {
        const parent = spans.find((span) => span.spanContext().spanId === agent.parentSpanContext?.spanId)
        expect(parent?.name).toMatch(/^(?:process|consume) /)
      }
      expect(traceTree(spans, { attributes: [DEPTH, 'app.agent.caller'] })).toContain(
        `invoke_agent retriever [${DEPTH}=2 app.agent.caller=planner]`,
      )
    },
  )

  test.skipIf(url === '')(
    `agents-16: agents that delegate to each other over ${name} are stopped`,
    async () => {
      const [there, back] = await Promise.all([line(), line()])
      const ran: number[] = []
      const stopped = Promise.withResolvers<DelegationDepthError>()
      const delegate = (agent: string, to: Line) => async (body: string) => {
        try {
          await withAgentSpan({ name: agent, maxDepth: 3 }, async ({ depth }) => {
            ran.push(depth)
            await to.send(body)
          })
        } catch (error) {
          stopped.resolve(error as DelegationDepthError)
        }
      }
      await Promise.all([there.consume(delegate('writer', back)), back.consume(delegate('critic', there))])
      await withAgentSpan({ name: 'editor' }, () => there.send('draft'))
      expect(await stopped.promise).toMatchObject({ agent: 'critic', depth: 4, maxDepth: 3 })
      await ended()
      expect(ran).toEqual([1, 2, 3])
    },
  )

  test.skipIf(url === '')(
    `agents-15: under trust 'link' over ${name} the depth is lost, unless acceptBaggage lists it`,
    async () => {
      const depths = async (options: TelemetryOptions): Promise<number> => {
        const queue = await line(options)
        const depth = Promise.withResolvers<number>()
        await queue.consume(() => withAgentSpan({ name: 'b' }, (run) => depth.resolve(run.depth)))
        await withAgentSpan({ name: 'a' }, () => queue.send('x'))
        return depth.promise
      }
      expect(await depths({ trust: 'link' })).toBe(0)
      expect(await depths({ trust: 'link', acceptBaggage: [DEPTH] })).toBe(1)
      await ended()
    },
  )
})
