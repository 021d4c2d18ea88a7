import { SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { pack, type Packed } from '@waybill/core'
import { traceTree } from '@waybill/core/testing'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import {
  aggregate,
  createAgents,
  withAgentSpan,
  withDelegationSpan,
  withPlanSpan,
  withToolSpan,
} from '../src/index.ts'

describe('the steps of an agent', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const last = () => telemetry.recorder.spans.at(-1)!
  const named = (name: string) => telemetry.recorder.spans.find((span) => span.name === name)!

  test('plan, tool and delegation lie under their agent, and their own work under them', async () => {
    await withAgentSpan({ name: 'planner' }, async () => {
      await withPlanSpan(async () => trace.getTracer('model').startSpan('chat').end())
      await withToolSpan({ name: 'search', callId: 'call-1' }, async () =>
        withDelegationSpan({ target: 'retriever', provider: 'acme' }, () =>
          trace.getTracer('queue').startSpan('send').end(),
        ),
      )
    })
    expect(traceTree(telemetry.recorder.spans)).toBe(
      [
        'invoke_agent planner',
        '  plan planner',
        '    chat',
        '  execute_tool search',
        '    invoke_agent retriever',
        '      send',
      ].join('\n'),
    )
    expect(named('plan planner').attributes).toEqual({
      'gen_ai.operation.name': 'plan',
      'gen_ai.agent.name': 'planner',
    })
    expect(named('execute_tool search')).toMatchObject({ kind: SpanKind.INTERNAL })
    expect(named('execute_tool search').attributes).toEqual({
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': 'search',
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': 'call-1',
    })
    expect(named('invoke_agent retriever')).toMatchObject({ kind: SpanKind.CLIENT })
    expect(named('invoke_agent retriever').attributes).toEqual({
      'gen_ai.operation.name': 'invoke_agent',
      'gen_ai.agent.name': 'retriever',
      'gen_ai.provider.name': 'acme',
      'app.agent.caller': 'planner',
    })
  })

  test('a delegation span does not count as an agent; mode both adds gen_ai.caller.* to it', () => {
    const agents = createAgents({ semconvMode: 'both', prefix: 'acme' })
    const depth = agents.withAgentSpan({ name: 'a' }, () =>
      withDelegationSpan({ target: 'b', provider: 'acme' }, () =>
        agents.withAgentSpan({ name: 'b' }, (run) => run.depth),
      ),
    )
    expect(depth).toBe(1)
    const client = telemetry.recorder.spans.find((span) => span.kind === SpanKind.CLIENT)!
    expect(client.attributes).toMatchObject({
      'acme.caller': 'a',
      'gen_ai.caller.name': 'a',
      'gen_ai.caller.type': 'agent',
    })
  })

  test('outside of any agent a plan has no name, and a failed tool is one', () => {
    withPlanSpan(() => undefined)
    expect(last()).toMatchObject({ name: 'plan', attributes: { 'gen_ai.operation.name': 'plan' } })
    const failing = (): never => {
      throw new TypeError('no such index')
    }
    expect(() => withToolSpan({ name: 'search' }, failing)).toThrow('no such index')
    expect(last()).toMatchObject({
      status: { code: SpanStatusCode.ERROR },
      attributes: { 'error.type': 'TypeError' },
    })
  })

  test('an aggregation is one span under the active one, which links every item once', () => {
    const found = ['x', 'y', 'z'].map((item) =>
      trace.getTracer('queue').startActiveSpan(item, (span) => {
        span.end()
        return pack(item)
      }),
    )
    const result = withAgentSpan({ name: 'aggregator' }, () =>
      aggregate([...found, found[0]!], (items) => items.join(''), { name: 'sum up' }),
    )
    expect(result).toBe('xyzx')
    const span = named('sum up')
    expect(span.parentSpanContext?.spanId).toBe(named('invoke_agent aggregator').spanContext().spanId)
    expect(span.links.map(({ context }) => context.spanId)).toEqual(
      ['x', 'y', 'z'].map((name) => named(name).spanContext().spanId),
    )
    expect(span.attributes).toEqual({ 'app.agent.aggregate.items': 4 })
  })

  test('links beyond the limit are counted; items that were not packed are refused', () => {
    const found = Array.from({ length: 5 }, (_, i) =>
      trace.getTracer('queue').startActiveSpan(`${i}`, (span) => (span.end(), pack(i))),
    )
    aggregate(found, () => undefined, { maxLinks: 2 })
    expect(last().links).toHaveLength(2)
    expect(last()).toMatchObject({ name: 'aggregate', attributes: { 'waybill.links.omitted': 3 } })
    expect(() => aggregate([{ finding: 1 } as unknown as Packed<number>], () => 0)).toThrow('pack(item)')
    expect(() => aggregate([], () => 0, { limit: 1 } as never)).toThrow('"limit"')
    expect(() => withToolSpan({ name: '' }, () => 0)).toThrow('a tool with a name')
    expect(() => withDelegationSpan({ target: 'b' } as never, () => 0)).toThrow('the name of a provider')
  })
})
