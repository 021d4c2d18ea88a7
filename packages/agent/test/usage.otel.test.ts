import { context, trace, type Attributes } from '@opentelemetry/api'
import {
  createTelemetry,
  process,
  recordGetter,
  send,
  stampRecord,
  type Destination,
} from '@waybill/core/adapter'
import { extract, inject } from '@waybill/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { installSdk, type TestTelemetry } from '../../../integration-tests/telemetry.ts'
import {
  attachUsage,
  createAgents,
  mergeUsage,
  recordUsage,
  usageSpanProcessor,
  withAgentSpan,
} from '../src/index.ts'

const FIELD = 'app.agent.usage'
const PRICES = { m1: { input: 1, output: 10 } }
const priced = createAgents({ prices: PRICES, currency: 'EUR' })
const adapter = createTelemetry({
  packageName: 'queue',
  functionName: 'trace',
  version: '1',
  system: 'queue',
})

/** A message to another agent, which is handled by `handler`. */
function ask<T>(
  handler: () => T,
  attempt = 1,
  count = 1,
  destination: Destination = { name: 'jobs' },
): { answer: T; again: (attempt: number) => T } {
  const headers = send(adapter, { operation: 'put', destination, count }, (sending) =>
    stampRecord({}, sending!.stamp()),
  )
  const again = (number: number): T =>
    context.with(extract({}), () =>
      process(
        adapter,
        {
          operation: 'take',
          destination,
          carrier: headers,
          getter: recordGetter as never,
          times: [],
          attempt: number,
        },
        handler,
      ),
    )
  return { answer: again(attempt), again }
}

describe('usage', () => {
  let telemetry: TestTelemetry
  beforeEach(() => {
    telemetry = installSdk({ processors: [usageSpanProcessor()] })
  })
  afterEach(async () => {
    expect(telemetry.recorder.open).toEqual([])
    await telemetry.uninstall()
  })
  const attributesOf = (name: string) =>
    telemetry.recorder.spans.find((span) => span.name === `invoke_agent ${name}`)!.attributes
  const usageOf = (name: string) =>
    Object.fromEntries(
      Object.entries(attributesOf(name))
        .filter(([key]) => /^app\.agent\.(?:usage|cost)\./.test(key))
        .map(([key, value]) => [key.slice('app.agent.'.length), value]),
    )
  /** A span as instrumentations make it. */
  const model = (attributes: Attributes, within?: () => void) =>
    trace.getTracer('model').startActiveSpan('model', { attributes }, (span) => {
      within?.()
      span.end()
    })
  const chat = (input: number, output = 0, more: Attributes = {}): Attributes => ({
    'gen_ai.operation.name': 'chat',
    'gen_ai.request.model': 'm1',
    'gen_ai.usage.input_tokens': input,
    'gen_ai.usage.output_tokens': output,
    ...more,
  })
  const tokens = async () =>
    (await telemetry.series('app.agent.tokens')).map(({ value, unit, attributes }) => ({
      value,
      unit,
      ...attributes,
    }))

  test("an agent's span has its own usage, its direct cost, and that of its subtree", () => {
    priced.withAgentSpan({ name: 'a' }, () => {
      model(chat(100, 10))
      priced.withAgentSpan({ name: 'b' }, () => {
        model(chat(200, 20))
        model(chat(300, 30))
      })
    })
    expect(usageOf('a')).toEqual({
      'usage.self.input_tokens': 100,
      'usage.self.output_tokens': 10,
      'usage.self.calls': 1,
      'cost.amount': 0.0002,
      'cost.currency': 'EUR',
      'usage.subtree.input_tokens': 600,
      'usage.subtree.output_tokens': 60,
      'usage.subtree.calls': 3,
      'usage.subtree.cost': expect.closeTo(0.0012, 12),
      'usage.subtree.complete': true,
    })
    expect(usageOf('b')).toMatchObject({ 'usage.self.calls': 2, 'cost.amount': 0.001 })
  })

  test("agents-22: the sum of cost.amount over all spans of a trace is the trace's cost", async () => {
    priced.withAgentSpan({ name: 'a' }, () => {
      model(chat(100, 10))
      const { answer } = ask(() =>
        priced.withAgentSpan({ name: 'b' }, () => {
          model(chat(1000, 100))
          return attachUsage({})
        }),
      )
      mergeUsage(answer)
    })
    const amounts = telemetry.recorder.spans.map(({ attributes }) =>
      Number(attributes['app.agent.cost.amount'] ?? 0),
    )
    const series = await telemetry.series('app.agent.cost')
    expect(amounts.reduce((sum, amount) => sum + amount, 0)).toBeCloseTo(0.0022, 12)
    expect(series.reduce((sum, { value }) => sum + (value as number), 0)).toBeCloseTo(0.0022, 12)
    expect(series.map(({ unit, attributes }) => [unit, attributes['app.agent.cost.currency']])).toEqual([
      ['EUR', 'EUR'],
      ['EUR', 'EUR'],
    ])
    expect(usageOf('a')).toMatchObject({ 'usage.subtree.cost': expect.closeTo(0.0022, 12) })
  })

  test('agents-19: totals on spans of agents and tools are not added to those of the calls', () => {
    withAgentSpan({ name: 'a' }, () => {
      model({ ...chat(310, 31), 'gen_ai.operation.name': 'invoke_agent' }, () => {
        model(chat(110, 11))
        model({ ...chat(5, 5), 'gen_ai.operation.name': 'execute_tool' })
        model(chat(200, 20))
      })
    })
    expect(usageOf('a')).toMatchObject({ 'usage.self.input_tokens': 310, 'usage.self.calls': 2 })
  })

  test('two instrumentations of one call count once; OpenInference and older names are read', () => {
    withAgentSpan({ name: 'a' }, () => {
      model(chat(100), () => model(chat(100)))
      model({
        'openinference.span.kind': 'LLM',
        'llm.token_count.prompt': 10,
        'llm.token_count.completion': 1,
      })
      model({
        'gen_ai.operation.name': 'embeddings',
        'gen_ai.usage.prompt_tokens': 1,
        'gen_ai.usage.completion_tokens': 0,
      })
      model({ 'gen_ai.operation.name': 'chat' })
    })
    expect(usageOf('a')).toMatchObject({
      'usage.self.input_tokens': 111,
      'usage.self.output_tokens': 1,
      'usage.self.calls': 3,
    })
  })

  test('agents-20: in an unsampled trace ledger and metrics count through recordUsage', async () => {
    await telemetry.uninstall()
    telemetry = installSdk({ sampled: false, processors: [usageSpanProcessor()] })
    const reply = priced.withAgentSpan({ name: 'a', role: 'r' }, () => {
      recordUsage({ model: 'm1', inputTokens: 100, outputTokens: 10 })
      recordUsage({ model: 'm1', inputTokens: 1 })
      return attachUsage({ answer: 42 })
    })
    expect(telemetry.recorder.started).toBe(0)
    expect(JSON.parse(reply[FIELD]!)).toMatchObject({
      complete: true,
      calls: [
        [expect.any(String), 100, 10, 0.0002],
        [expect.any(String), 1, 0, 0.000001],
      ],
    })
    const common = { unit: '{token}', 'app.agent.role': 'r', 'gen_ai.request.model': 'm1' }
    expect(await tokens()).toEqual([
      { value: 101, 'gen_ai.token.type': 'input', ...common },
      { value: 10, 'gen_ai.token.type': 'output', ...common },
    ])
  })

  test('metrics: by role, model and queue only', async () => {
    ask(() => withAgentSpan({ name: 'a', role: 'r', id: 'i' }, () => model(chat(7, 3))))
    const common = {
      unit: '{token}',
      'app.agent.role': 'r',
      'gen_ai.request.model': 'm1',
      'messaging.destination.name': 'jobs',
    }
    expect(await tokens()).toEqual([
      { value: 7, 'gen_ai.token.type': 'input', ...common },
      { value: 3, 'gen_ai.token.type': 'output', ...common },
    ])
    expect(await telemetry.series('app.agent.cost')).toEqual([])
  })

  test.each<[Destination, string | undefined]>([
    [{ name: 'amq.gen-x', temporary: true }, undefined],
    [{ name: 'amq.gen-x', anonymous: true }, undefined],
    [{ name: '' }, undefined],
    [{ name: 'jobs:tenant-7', template: 'jobs:{tenant}' }, 'jobs:{tenant}'],
  ])('metrics: of destination %j the queue is %s', async (destination, queue) => {
    ask(() => withAgentSpan({ name: 'a' }, () => model(chat(1))), 1, 1, destination)
    const [series] = await tokens()
    expect((series as Attributes)['messaging.destination.name']).toBe(queue)
  })

  test('recordUsage within the span of the call, and the processor that sees it, count it once', async () => {
    withAgentSpan({ name: 'a' }, () =>
      model(chat(100, 10), () => recordUsage({ model: 'm1', inputTokens: 100, outputTokens: 10 })),
    )
    expect(usageOf('a')).toMatchObject({ 'usage.self.input_tokens': 100, 'usage.self.calls': 1 })
    expect((await tokens()).map(({ value }) => value)).toEqual([100, 10])
  })

  test('a cost that the provider reported stands before prices; an unknown one leaves the cost out', () => {
    priced.withAgentSpan({ name: 'a' }, () =>
      recordUsage({ model: 'm1', inputTokens: 1, cost: 0.5, id: 'r1' }),
    )
    priced.withAgentSpan({ name: 'b' }, () => {
      recordUsage({ model: 'm1', inputTokens: 1 })
      recordUsage({ model: 'unheard-of', inputTokens: 1 })
    })
    expect(usageOf('a')).toMatchObject({ 'cost.amount': 0.5 })
    expect(usageOf('b')).not.toHaveProperty(['cost.amount'])
    expect(usageOf('b')).not.toHaveProperty(['usage.subtree.cost'])
  })

  test.each([
    { inputTokens: -1 },
    { inputTokens: Number.NaN },
    { outputTokens: Infinity },
    { inputTokens: '5' },
    { cost: -2 },
    null,
  ])('usage of %j is not recorded, with one warning', (usage) => {
    withAgentSpan({ name: 'a' }, () => {
      recordUsage(usage as never)
      recordUsage(usage as never)
    })
    expect(usageOf('a')).toEqual({})
    expect(telemetry.warnings).toHaveLength(1)
  })

  describe('the way back', () => {
    const child = () =>
      withAgentSpan({ name: 'child' }, () => {
        model(chat(200))
        return attachUsage({ answer: 42 })
      })

    test('agents-17: merging one reply twice, in any order, changes nothing', () => {
      withAgentSpan({ name: 'a' }, () => {
        const [first, second] = [ask(child).answer, ask(child).answer]
        for (const reply of [second, first, first, second]) expect(mergeUsage(reply)).toEqual({ answer: 42 })
      })
      expect(usageOf('a')).toMatchObject({
        'usage.self.calls': 0,
        'usage.subtree.input_tokens': 400,
        'usage.subtree.calls': 2,
        'usage.subtree.complete': true,
      })
    })

    test('agents-18: what failed attempts and late children used is missing, and the span says so', () => {
      const spent = [100, 110]
      const worker = () =>
        withAgentSpan({ name: 'worker' }, () => {
          model(chat(spent.shift()!))
          if (spent.length === 1) throw new Error('crash')
          return attachUsage({ answer: 42 })
        })
      let late: (() => void) | undefined
      withAgentSpan({ name: 'orchestrator' }, () => {
        let failed: ReturnType<typeof ask<{ answer: number }>> | undefined
        const handler = (): { answer: number } => {
          try {
            return worker()
          } catch {
            return { answer: Number.NaN }
          }
        }
        failed = ask(handler)
        mergeUsage(failed.again(2))
        mergeUsage(ask(child).answer)
        // Fire and forget: it works when this span has ended.
        late = ask(() => () => withAgentSpan({ name: 'late' }, () => model(chat(1100)))).answer
      })
      late?.()
      expect(usageOf('orchestrator')).toMatchObject({
        'usage.subtree.input_tokens': 310,
        'usage.subtree.complete': false,
      })
    })

    test.each<[string, () => void]>([
      ['a second attempt answers', () => mergeUsage(ask(child, 2).answer)],
      ['a message is not answered', () => (mergeUsage(ask(child).answer), void ask(() => 0))],
      [
        'one message is answered twice, another not at all',
        () => {
          const { answer, again } = ask(child)
          ask(() => 0)
          mergeUsage(answer)
          mergeUsage(again(1))
        },
      ],
      ['the context is written down for others', () => (model(chat(1)), void inject())],
      [
        'the agent below it sent something of its own',
        () =>
          mergeUsage(
            ask(() =>
              withAgentSpan({ name: 'b' }, () => {
                model(chat(1))
                ask(() => 0)
                return attachUsage({})
              }),
            ).answer,
          ),
      ],
      [
        'a reply does not come from whom it was asked',
        () => {
          // The middle one passes the work on and says nothing of what it used.
          const { answer } = ask(() =>
            withAgentSpan({ name: 'b' }, () => (model(chat(1)), ask(child).answer)),
          )
          mergeUsage(answer)
        },
      ],
      [
        'an agent of this process does not know all',
        () =>
          withAgentSpan({ name: 'b' }, () => {
            model(chat(1))
            ask(() => 0)
          }),
      ],
      [
        'two messages of one send are answered by one',
        () => {
          const reply = ask(child, 1, 2).answer
          mergeUsage(reply)
          mergeUsage(reply)
        },
      ],
      [
        'a reply tells of a call that cannot be believed',
        () =>
          mergeUsage({
            [FIELD]: JSON.stringify({
              from: 'f',
              complete: true,
              currency: 'USD',
              calls: [
                ['a', 1, 1],
                ['b', -1, 1],
              ],
            }),
          }),
      ],
      ['a reply cannot be read', () => (model(chat(1)), mergeUsage({ [FIELD]: '{' }))],
    ])('complete is false when %s', (_when, work) => {
      withAgentSpan({ name: 'a' }, work)
      expect(usageOf('a')).toMatchObject({ 'usage.subtree.complete': false })
    })

    test('the reply that an agent sends is no message that it waits on', () => {
      withAgentSpan({ name: 'a' }, () => {
        const { answer } = ask(() =>
          withAgentSpan({ name: 'b' }, () => {
            model(chat(1))
            const reply = attachUsage({})
            ask(() => 0)
            return reply
          }),
        )
        mergeUsage(answer)
      })
      expect([usageOf('a'), usageOf('b')]).toMatchObject([
        { 'usage.subtree.complete': true },
        { 'usage.subtree.complete': true },
      ])
    })

    test('an agent of this process that is still at work when its caller ends makes that one incomplete', async () => {
      let running: Promise<void> | undefined
      withAgentSpan({ name: 'a' }, () => {
        model(chat(1))
        running = withAgentSpan({ name: 'b' }, async () => Promise.resolve())
      })
      await running
      expect(usageOf('a')).toMatchObject({ 'usage.subtree.complete': false })
    })

    test('a failed agent of this process has told its caller what it used', () => {
      withAgentSpan({ name: 'a' }, () => {
        expect(() =>
          withAgentSpan({ name: 'b' }, () => {
            model(chat(100))
            throw new Error('crash')
          }),
        ).toThrow('crash')
      })
      expect(usageOf('a')).toMatchObject({
        'usage.subtree.input_tokens': 100,
        'usage.subtree.complete': true,
      })
    })

    test('with more than 64 calls the reply tells of 64 and is not complete', () => {
      const reply = withAgentSpan({ name: 'a' }, () => {
        for (let i = 0; i < 65; i++)
          recordUsage({ inputTokens: 123_456, outputTokens: 123_456, cost: 0.123456789 })
        return attachUsage({})
      })
      const told = JSON.parse(reply[FIELD]!) as { calls: unknown[]; complete: boolean }
      expect([told.calls.length, told.complete]).toEqual([64, false])
      expect(reply[FIELD]!.length).toBeLessThan(8192)
    })

    test('headers with bytes are read; a frozen reply and one without usage come back as they were', () => {
      withAgentSpan({ name: 'a' }, () => {
        const told = child()[FIELD]!
        mergeUsage(Object.freeze({ [FIELD]: Buffer.from(told) }))
        const bare = Object.freeze({ answer: 1 })
        expect(mergeUsage(bare)).toBe(bare)
        expect(mergeUsage('text')).toBe('text')
        expect(mergeUsage(null)).toBe(null)
      })
      expect(usageOf('a')).toMatchObject({ 'usage.subtree.input_tokens': 200 })
    })

    test.each([
      'null',
      '[]',
      '"x"',
      '{}',
      '{"from":"f","calls":3}',
      '{"from":"f","complete":true,"calls":[["id",-1,2]]}',
      '{"from":"f","complete":true,"calls":[["id",1e99,2]]}',
      '{"from":"f","complete":true,"calls":[[{"toString":0},1,2]]}',
      '{"from":{},"complete":true,"calls":[["x",1,2]]}',
      '{"__proto__":{"from":"f"},"calls":[["x",1,2]]}',
      `[${'1,'.repeat(9000)}1]`,
    ])('a hostile reply %.60s adds nothing and disturbs nothing', (text) => {
      withAgentSpan({ name: 'a' }, () => {
        model(chat(1))
        mergeUsage({ [FIELD]: text })
      })
      expect(usageOf('a')).toMatchObject({ 'usage.subtree.input_tokens': 1 })
      expect(telemetry.warnings).toEqual([])
    })

    test('amounts in another currency are not added', () => {
      const reply = priced.withAgentSpan({ name: 'b' }, () => {
        recordUsage({ model: 'm1', inputTokens: 1 })
        return attachUsage({ [FIELD]: 'old' })
      })
      withAgentSpan({ name: 'dollars' }, () => mergeUsage(reply))
      priced.withAgentSpan({ name: 'euros' }, () => mergeUsage(reply))
      expect(usageOf('dollars')).toMatchObject({ 'usage.subtree.calls': 1 })
      expect(usageOf('dollars')).not.toHaveProperty(['usage.subtree.cost'])
      expect(usageOf('euros')).toMatchObject({ 'usage.subtree.cost': 0.000001 })
    })

    test('outside of any agent nothing is attached; what is no plain object is refused', () => {
      expect(attachUsage({ answer: 1 })).toEqual({ answer: 1 })
      expect(() => attachUsage([] as never)).toThrow('attachUsage() expected a plain object')
      expect(() => attachUsage('x' as never)).toThrow('Put the reply into one')
    })
  })
})
