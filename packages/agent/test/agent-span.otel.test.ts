import { context, propagation, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { extract, inject } from '@waybill/core'
import { traceTree } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import { createAgents, DelegationDepthError, withAgentSpan, type AgentRun } from '../src/index.ts'

const DEPTH = 'app.agent.delegation.depth'
const inBaggage = <T>(members: Record<string, string>, fn: () => T): T =>
  context.with(
    propagation.setBaggage(
      ROOT_CONTEXT,
      propagation.createBaggage(
        Object.fromEntries(Object.entries(members).map(([key, value]) => [key, { value }])),
      ),
    ),
    fn,
  )
const itself = (run: AgentRun) => ({ depth: run.depth, caller: run.caller })

describe('withAgentSpan', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    expect(telemetry.recorder.spans).toHaveLength(telemetry.recorder.started)
    await telemetry.uninstall()
  })
  const span = (name: string) =>
    telemetry.recorder.spans.find((each) => each.name === `invoke_agent ${name}`)!

  test('an INTERNAL span with all that is known, active while the agent runs', async () => {
    const options = { name: 'planner', role: 'orchestrator', id: 'a1', version: '2', conversationId: 'c1' }
    const active = await withAgentSpan(options, async (run) => {
      await Promise.resolve()
      return trace.getActiveSpan() === run.span
    })
    expect(active).toBe(true)
    expect(span('planner')).toMatchObject({
      kind: SpanKind.INTERNAL,
      status: { code: SpanStatusCode.UNSET },
      instrumentationScope: { name: '@waybill/agent' },
    })
    expect(span('planner').attributes).toEqual({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'planner',
      'gen_ai.agent.id': 'a1',
      'gen_ai.agent.version': '2',
      'gen_ai.conversation.id': 'c1',
      'app.agent.role': 'orchestrator',
      [DEPTH]: 0,
    })
  })

  test('a failure is on the span, and the same value reaches the caller, thrown or rejected', async () => {
    const error = new RangeError('no answer')
    const failing = (): never => {
      throw error
    }
    expect(() => withAgentSpan({ name: 'sync' }, failing)).toThrow(error)
    await expect(withAgentSpan({ name: 'async' }, async () => failing())).rejects.toBe(error)
    for (const name of ['sync', 'async']) {
      expect(span(name).status).toMatchObject({ code: SpanStatusCode.ERROR, message: 'no answer' })
      expect(span(name).attributes).toMatchObject({ 'error.type': 'RangeError' })
    }
  })

  test('agents-15: nested agents get deeper one by one, siblings share a depth, each knows its caller', () => {
    withAgentSpan({ name: 'a' }, () => {
      withAgentSpan({ name: 'b1' }, () => withAgentSpan({ name: 'c' }, () => undefined))
      withAgentSpan({ name: 'b2' }, () => undefined)
    })
    expect(traceTree(telemetry.recorder.spans, { attributes: [DEPTH, 'app.agent.caller'] })).toBe(
      [
        `invoke_agent a [${DEPTH}=0]`,
        `  invoke_agent b1 [${DEPTH}=1 app.agent.caller=a]`,
        `    invoke_agent c [${DEPTH}=2 app.agent.caller=b1]`,
        `  invoke_agent b2 [${DEPTH}=1 app.agent.caller=a]`,
      ].join('\n'),
    )
  })

  test('agents-15: a carrier takes depth and caller along, once each, before what was in baggage already', () => {
    const carrier = inBaggage({ 'session.id': 's1', [DEPTH]: '1', 'app.agent.name': 'a' }, () =>
      withAgentSpan({ name: 'b' }, () => inject()),
    )
    expect(carrier['baggage']).toBe('app.agent.delegation.depth=2,app.agent.name=b,session.id=s1')
    expect(context.with(extract(carrier), () => withAgentSpan({ name: 'c' }, itself))).toEqual({
      depth: 3,
      caller: 'b',
    })
  })

  test.each(['-1', '1e9', 'abc', '', ' 1', '1.0', '01', '1000', '__proto__'])(
    'agents-15: a depth of %j in baggage counts as absent',
    (value) => {
      const run = inBaggage({ [DEPTH]: value, 'app.agent.name': 'evil' }, () =>
        withAgentSpan({ name: 'a', maxDepth: 0 }, itself),
      )
      expect(run).toEqual({ depth: 0, caller: undefined })
    },
  )

  test('agents-15: so does one of 5 kB', () => {
    const run = inBaggage({ [DEPTH]: '5'.repeat(5000) }, () => withAgentSpan({ name: 'a' }, itself))
    expect(run.depth).toBe(0)
  })

  test('a name of any length and letters fits into baggage, cut between its characters', () => {
    const carrier = withAgentSpan({ name: `\uD800${'ä😀'.repeat(2000)}` }, () => inject())
    const [, name = ''] = /app\.agent\.name=([^,]*)/.exec(carrier['baggage'] ?? '') ?? []
    expect(name.length).toBeLessThanOrEqual(64)
    expect(decodeURIComponent(name)).toBe('\uFFFDä😀ä😀ä😀')
  })

  test('agents-16: past maxDepth a typed error is thrown before the body runs', async () => {
    let ran = false
    const run = (depth: string) =>
      inBaggage({ [DEPTH]: depth, 'app.agent.name': 'b' }, () =>
        withAgentSpan({ name: 'c', maxDepth: 2 }, async () => void (ran = true)),
      )
    await run('1')
    expect(ran).toBe(true)
    ran = false
    const error = await Promise.resolve()
      .then(() => run('2'))
      .catch((thrown: unknown) => thrown)
    expect(ran).toBe(false)
    expect(error).toBeInstanceOf(DelegationDepthError)
    expect(error).toMatchObject({
      name: 'DelegationDepthError',
      agent: 'c',
      depth: 3,
      maxDepth: 2,
      message: 'agent c, delegated by b: delegation depth 3 is past maxDepth 2; it was not run',
    })
    expect(telemetry.recorder.spans.at(-1)).toMatchObject({
      name: 'invoke_agent c',
      status: { code: SpanStatusCode.ERROR },
      attributes: { [DEPTH]: 3, 'error.type': 'DelegationDepthError' },
    })
  })

  test('agents-16: unset never throws, and warns once past 8; a setting guards all agents, an option one', () => {
    for (const depth of ['7', '20', '998'])
      inBaggage({ [DEPTH]: depth }, () => withAgentSpan({ name: 'a' }, () => 0))
    expect(telemetry.warnings).toHaveLength(1)
    expect(telemetry.warnings[0]).toContain('agent a runs at delegation depth 21')
    const guarded = createAgents({ maxDepth: 1 })
    inBaggage({ [DEPTH]: '1' }, () => {
      expect(() => guarded.withAgentSpan({ name: 'a' }, () => 0)).toThrow(DelegationDepthError)
      expect(guarded.withAgentSpan({ name: 'a', maxDepth: 2 }, () => 0)).toBe(0)
    })
  })

  test('agents-16: taking the baggage away in this process does not get below the guard', () => {
    withAgentSpan({ name: 'a' }, () => {
      context.with(propagation.deleteBaggage(context.active()), () => {
        expect(() => withAgentSpan({ name: 'b', maxDepth: 0 }, () => 0)).toThrow(DelegationDepthError)
      })
    })
  })

  test('agents-21: nothing of ours under gen_ai.* in mode app; the prefix changes all keys; both adds gen_ai.caller.*', () => {
    const standard = [
      'gen_ai.operation.name',
      'gen_ai.agent.name',
      'gen_ai.agent.id',
      'gen_ai.agent.version',
      'gen_ai.conversation.id',
    ]
    const child = { name: 'b', role: 'r', id: 'i', version: 'v', conversationId: 'c' }
    const keysOf = ({ withAgentSpan: run }: Pick<ReturnType<typeof createAgents>, 'withAgentSpan'>) => {
      telemetry.recorder.reset()
      run({ name: 'a' }, () => run(child, () => undefined))
      return Object.keys(span('b').attributes)
    }
    expect(keysOf({ withAgentSpan }).filter((key) => key.startsWith('gen_ai.'))).toEqual(standard)
    expect(keysOf(createAgents({ prefix: 'acme.agent' }))).toEqual([
      'gen_ai.operation.name',
      'gen_ai.agent.name',
      'acme.agent.delegation.depth',
      'acme.agent.role',
      'gen_ai.agent.id',
      'gen_ai.agent.version',
      'gen_ai.conversation.id',
      'acme.agent.caller',
    ])
    expect(keysOf(createAgents({ semconvMode: 'both' }))).toContain('gen_ai.caller.name')
    expect(span('b').attributes).toMatchObject({ 'gen_ai.caller.name': 'a', 'gen_ai.caller.type': 'agent' })
    const carrier = createAgents({ prefix: 'acme.agent' }).withAgentSpan({ name: 'a' }, () => inject())
    expect(carrier['baggage']).toBe('acme.agent.delegation.depth=0,acme.agent.name=a')
  })

  test('an unsampled agent knows its depth and passes it on', async () => {
    await telemetry.uninstall()
    telemetry = installSdk({ sampled: false })
    expect(withAgentSpan({ name: 'a' }, () => withAgentSpan({ name: 'b' }, itself))).toEqual({
      depth: 1,
      caller: 'a',
    })
    expect(telemetry.recorder.started).toBe(0)
  })

  test('without an SDK the agent runs', async () => {
    await telemetry.uninstall()
    expect(withAgentSpan({ name: 'a' }, () => 'answer')).toBe('answer')
    telemetry = installSdk()
  })

  test('a tracer or a propagator that throws disturbs no agent', () => {
    const { withAgentSpan: run } = createAgents({
      tracerProvider: {
        getTracer: () => {
          throw new Error('tracer')
        },
      },
    })
    expect(run({ name: 'a' }, () => 'answer')).toBe('answer')
    expect(telemetry.warnings).toHaveLength(1)
  })
})
