import * as api from '@opentelemetry/api'
import { context, diag, DiagLogLevel, trace, type Attributes } from '@opentelemetry/api'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  installSdk,
  loggerWith,
  tracerWith,
  type TestTelemetry,
} from '../../../integration-tests/telemetry.ts'
import { contentGuard, recordSensitive, type ContentGuard, type ContentGuardOptions } from '../src/index.ts'

const SECRET = 'the moon is made of cheese'
const OPEN = 'WAYBILL_TRACE_CONTENT'

interface Sent {
  readonly name: string
  readonly attributes: Attributes
  readonly events?: readonly { readonly name: string; readonly attributes?: Attributes }[]
  readonly body?: unknown
}

/** What an exporter would have sent: a copy of every span and record at the moment in which it sees them. */
function exporter() {
  const sent: Sent[] = []
  const keep = (what: object): void => {
    const { name, eventName, attributes, events, body } = what as Record<string, unknown>
    sent.push(structuredClone({ name: name ?? eventName, attributes, events, body }) as Sent)
  }
  const resolved = () => Promise.resolve()
  return {
    sent,
    onStart: () => undefined,
    onEnd: keep,
    onEmit: keep,
    forceFlush: resolved,
    shutdown: resolved,
  }
}

describe('content', () => {
  let telemetry: TestTelemetry
  let guards: ContentGuard[] = []
  const guarding = (options?: ContentGuardOptions): ContentGuard => {
    const guard = contentGuard(options)
    guards.push(guard)
    return guard
  }
  beforeEach(() => {
    telemetry = installSdk()
  })
  afterEach(async () => {
    delete process.env[OPEN]
    await Promise.all(guards.map((guard) => guard.shutdown()))
    guards = []
    await telemetry.uninstall()
  })
  /** Runs in a span of an SDK with these processors. */
  const inSpan = (processors: object[], fn: () => void): void => {
    const span = tracerWith(...processors).startSpan('work')
    context.with(trace.setSpan(context.active(), span), fn)
    span.end()
  }

  test.each([undefined, '1', 'true', 'collector', ''])(
    'agents-32: with nothing configured (%s) recordSensitive writes nothing, and says so at level debug',
    async (value) => {
      if (value !== undefined) process.env[OPEN] = value
      const debug: unknown[] = []
      const ignore = () => undefined
      diag.setLogger(
        {
          error: ignore,
          warn: ignore,
          info: ignore,
          verbose: ignore,
          debug: (...line) => void debug.push(...line),
        },
        { logLevel: DiagLogLevel.DEBUG, suppressOverrideMessage: true },
      )
      const [seen, logged] = [exporter(), exporter()]
      const logger = loggerWith(logged)
      logger.register()
      inSpan([seen], () => recordSensitive('prompt', { text: SECRET }))
      recordSensitive('prompt', { text: SECRET })
      await logger.shutdown()
      expect(seen.sent).toMatchObject([{ name: 'work', events: [] }])
      expect(logged.sent).toEqual([])
      expect(debug.filter((line) => String(line).includes('event prompt is not recorded'))).toHaveLength(2)
    },
  )

  test.each([
    ['first', (guard: object, a: object, b: object) => [guard, a, b]],
    ['in between', (guard: object, a: object, b: object) => [a, guard, b]],
    ['last', (guard: object, a: object, b: object) => [a, b, guard]],
  ])('agents-32: with the guard %s no exporter sees content', (_where, order) => {
    const [one, other] = [exporter(), exporter()]
    inSpan(order(guarding(), one, other), () => {
      const span = trace.getActiveSpan()!
      recordSensitive('prompt', { text: SECRET, parts: [SECRET], count: 3 })
      span.addEvent('by hand', { sensitive: true, text: SECRET })
      span.addEvent('harmless', { text: 'kept', sensitive: false })
      span.addEvent('inference', { 'gen_ai.input.messages': SECRET, model: 'm1' })
      span.setAttributes({ 'gen_ai.output.messages': SECRET, 'gen_ai.request.model': 'm1' })
    })
    for (const { sent } of [one, other]) {
      expect(JSON.stringify(sent)).not.toContain(SECRET)
      const [span] = sent
      expect(span?.attributes).toEqual({
        'gen_ai.output.messages': '[removed: 26 characters]',
        'gen_ai.request.model': 'm1',
      })
      expect(span?.events?.map(({ name, attributes }) => [name, attributes])).toEqual([
        [
          'prompt',
          {
            text: '[removed: 26 characters]',
            parts: '[removed: 1 items]',
            count: '[removed]',
            sensitive: true,
          },
        ],
        ['by hand', { sensitive: true, text: '[removed: 26 characters]' }],
        ['harmless', { text: 'kept', sensitive: false }],
        ['inference', { 'gen_ai.input.messages': '[removed: 26 characters]', model: 'm1' }],
      ])
    }
  })

  test.each([
    ['gen_ai.input.messages', true],
    ['gen_ai.system_instructions', true],
    ['gen_ai.tool.call.arguments', true],
    ['gen_ai.tool.call.result', true],
    ['gen_ai.retrieval.documents', true],
    ['gen_ai.prompt', true],
    ['gen_ai.prompt.0.content', true],
    ['gen_ai.completion.12.content', true],
    ['traceloop.entity.input', true],
    ['input.value', true],
    ['output.value', true],
    ['llm.input_messages.0.message.content', true],
    ['llm.prompts', true],
    ['retrieval.documents.0.document.content', true],
    ['reranker.input_documents.1.document.content', true],
    ['ai.prompt.messages', true],
    ['ai.response.text', true],
    ['ai.toolCall.args', true],
    ['acme.note', true],
    ['gen_ai.prompt.name', false],
    ['gen_ai.tool.call.id', false],
    ['gen_ai.usage.input_tokens', false],
    ['input.mime_type', false],
    ['llm.model_name', false],
    ['ai.response.model', false],
    ['app.agent.role', false],
  ])('attribute %s is content: %s', (key, isContent) => {
    const seen = exporter()
    inSpan([guarding({ keys: ['acme.note'] }), seen], () => trace.getActiveSpan()!.setAttribute(key, 'value'))
    expect(seen.sent[0]?.attributes).toEqual({ [key]: isContent ? '[removed: 5 characters]' : 'value' })
  })

  test('redact of the guard says what stands for content; what it throws at is left out', () => {
    const seen = exporter()
    const redact = (key: string, value: unknown) => {
      if (key === 'input.value') throw new Error('redact')
      return key === 'output.value' ? undefined : `${String(value).slice(0, 3)}…`
    }
    inSpan([guarding({ redact }), seen], () =>
      trace
        .getActiveSpan()!
        .setAttributes({ 'input.value': SECRET, 'output.value': SECRET, 'gen_ai.input.messages': SECRET }),
    )
    expect(seen.sent[0]?.attributes).toEqual({ 'gen_ai.input.messages': 'the…' })
    expect(telemetry.warnings).toHaveLength(1)
  })

  test('an SDK without onEnding: what exports behind the guard sees no content', () => {
    const [seen, { onEnding: _, ...older }] = [exporter(), guarding()]
    inSpan([older, seen], () => trace.getActiveSpan()!.setAttribute('input.value', SECRET))
    expect(JSON.stringify(seen.sent)).not.toContain(SECRET)
  })

  test('what cannot be looked through is emptied', () => {
    const seen = exporter()
    const hostile = {
      ...exporter(),
      onEnding: (span: object) =>
        void (span as { events: unknown[] }).events.push({
          name: 'event',
          get attributes() {
            throw new Error('attributes')
          },
        }),
    }
    inSpan([hostile, guarding(), seen], () => trace.getActiveSpan()!.setAttribute('text', SECRET))
    expect(seen.sent).toMatchObject([{ name: 'work', attributes: {}, events: [] }])
    expect(telemetry.warnings).toHaveLength(1)
  })

  describe('open to a collector that filters', () => {
    beforeEach(() => {
      process.env[OPEN] = 'collector-filtered'
    })

    test('agents-33: the span event carries boolean true, and what redact leaves', () => {
      const seen = exporter()
      inSpan([seen], () =>
        recordSensitive(
          'prompt',
          { text: SECRET, name: 'Ann', bad: 'x', sensitive: 'false' },
          {
            redact: (key, value) => {
              if (key === 'bad') throw new Error('redact')
              return key === 'name' ? undefined : (value as string)
            },
          },
        ),
      )
      expect(seen.sent[0]?.events).toMatchObject([{ name: 'prompt' }])
      expect(seen.sent[0]?.events?.[0]?.attributes).toEqual({ text: SECRET, sensitive: true })
      expect(telemetry.warnings).toHaveLength(1)
    })

    test('a guard stands before the setting', () => {
      const seen = exporter()
      inSpan([seen, guarding()], () => recordSensitive('prompt', { text: SECRET }))
      expect(seen.sent[0]?.events?.[0]?.attributes).toEqual({
        text: '[removed: 26 characters]',
        sensitive: true,
      })
    })

    test('agents-33: so does the log event, where the API has logs and a provider is registered', async () => {
      const [seen, logged] = [exporter(), exporter()]
      const logger = loggerWith(logged)
      const registered = logger.register()
      inSpan([seen], () => recordSensitive('prompt', { text: SECRET }))
      await logger.shutdown()
      expect(registered).toBe('logs' in api)
      const event = { name: 'prompt', attributes: { text: SECRET, sensitive: true } }
      expect([seen.sent[0]?.events, logged.sent]).toMatchObject(registered ? [[], [event]] : [[event], []])
      const attributes = registered ? logged.sent[0]?.attributes : seen.sent[0]?.events?.[0]?.attributes
      expect(attributes?.['sensitive']).toBe(true)
    })
  })

  test('agents-32: a log event of recordSensitive has no content with a guard anywhere, seen first or last', async () => {
    for (const order of [(a: object, b: object) => [a, b], (a: object, b: object) => [b, a]]) {
      const [logged, spans, both] = [exporter(), exporter(), guarding()]
      const logger = loggerWith(...order(logged, both))
      logger.register()
      inSpan([spans, both], () => recordSensitive('prompt', { text: SECRET }))
      await logger.shutdown()
      expect(JSON.stringify([logged.sent, spans.sent])).not.toContain(SECRET)
      expect(JSON.stringify([logged.sent, spans.sent])).toContain('"sensitive":true')
    }
  })

  test('redact of a guard sees a value once, also where the guard is among the log record processors', async () => {
    const logged = exporter()
    const guard = guarding({ redact: (_key, value) => `<${String(value)}>` })
    const logger = loggerWith(guard, logged)
    const registered = logger.register()
    const spans = exporter()
    inSpan([guard, spans], () => recordSensitive('prompt', { text: 'x' }))
    await logger.shutdown()
    const attributes = registered ? logged.sent[0]?.attributes : spans.sent[0]?.events?.[0]?.attributes
    expect(attributes).toEqual({ text: '<x>', sensitive: true })
  })

  test('agents-32: the guard of another SDK of this process opens nothing for a span that it will not see', () => {
    const spans = exporter()
    inSpan([guarding()], () => undefined)
    inSpan([spans], () => recordSensitive('prompt', { text: SECRET }))
    expect(spans.sent[0]?.events).toEqual([])
  })

  test("other people's log events: attributes and bodies of content do not get past the guard", async () => {
    const logged = exporter()
    const logger = loggerWith(guarding(), logged)
    logger.emit({
      eventName: 'gen_ai.client.inference.operation.details',
      attributes: { 'gen_ai.input.messages': SECRET },
    })
    logger.emit({ eventName: 'gen_ai.user.message', body: { content: SECRET } })
    logger.emit({ body: SECRET, attributes: { 'event.name': 'gen_ai.choice' } })
    logger.emit({ body: SECRET, attributes: { sensitive: true, note: SECRET } })
    logger.emit({ body: 'started', attributes: { port: 80 } })
    await logger.shutdown()
    expect(JSON.stringify(logged.sent)).not.toContain(SECRET)
    expect(logged.sent.at(-1)).toMatchObject({ body: 'started', attributes: { port: 80 } })
    expect(logged.sent).toHaveLength(5)
  })

  test('a guard that was shut down opens nothing', async () => {
    const closed = contentGuard()
    inSpan([closed], () => undefined)
    await closed.shutdown()
    const logged = exporter()
    const logger = loggerWith(logged)
    logger.register()
    recordSensitive('prompt', { text: SECRET })
    await logger.shutdown()
    expect(logged.sent).toEqual([])
  })

  test('bad arguments are refused, whether open or not', () => {
    expect(() => recordSensitive('', {})).toThrow('recordSensitive() expected the name of an event')
    expect(() => recordSensitive('x', null as never)).toThrow('expected an object')
    expect(() => recordSensitive('x', {}, { redct: () => '' } as never)).toThrow('"redct"')
    expect(() => contentGuard({ keys: 'x' } as never)).toThrow('option keys to be an array of strings')
  })
})
