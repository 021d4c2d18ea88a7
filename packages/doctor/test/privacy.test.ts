import { describe, expect, test } from 'vitest'
import type { RawSpan } from '../src/input/raw-span.ts'
import { leaksOf } from '../src/privacy/privacy.ts'
import { leakCounter, reportPrivacy } from '../src/privacy/report.ts'
import { secretIn } from '../src/privacy/secrets.ts'
import { made } from './made-spans.ts'

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U'
const secrets: Readonly<Record<string, string>> = {
  JWT,
  'card number': '4111 1111 1111 1111',
  'e-mail address': 'ada@example.org',
  'URL with credentials': 'amqp://guest:hunter22@rabbit:5672',
  'private key': '-----BEGIN RSA PRIVATE KEY-----',
  'access key': 'AKIAABCDEFGHIJKLMNOP',
}

const contentKeys = [
  'gen_ai.input.messages',
  'gen_ai.output.messages',
  'gen_ai.system_instructions',
  'gen_ai.tool.call.arguments',
  'gen_ai.tool.call.result',
  'input.value',
  'output.value',
  'messaging.url',
]

function printed(
  spans: readonly RawSpan[],
  format: 'table' | 'json' = 'table',
): { text: string; code: number } {
  const counter = leakCounter()
  for (const span of spans) for (const leak of leaksOf(span)) counter.add(leak)
  let text = ''
  const terminal = {
    out: { write: (part: string) => (text += part) },
    err: { write: () => undefined },
    env: {},
  }
  const code = reportPrivacy(counter.groups(), spans.length, format, terminal)
  return { text, code }
}

describe('doctor-37', () => {
  test('every planted secret is found, and none is printed', () => {
    for (const format of ['table', 'json'] as const) {
      for (const [kind, secret] of Object.entries(secrets)) {
        const { text, code } = printed(
          [made({ trace: 'a', id: 'a', from: 0, facts: { note: `before ${secret} after` } })],
          format,
        )
        expect(code, kind).toBe(1)
        expect(text).toContain(kind)
        expect(text).not.toContain(secret)
      }
    }
  })

  test('every content key is found, in attributes, links and events', () => {
    const facts = Object.fromEntries(contentKeys.map((key) => [key, 'the content']))
    const events = [{ name: 'job completed', attributes: { 'bullmq.job.result': 'the content' } }]
    const { text } = printed([
      made({ trace: 'a', id: 'a', from: 0, facts, events, links: [{ to: 'b/b', facts }] }),
    ])
    for (const key of [...contentKeys, 'event job completed bullmq.job.result', 'link input.value'])
      expect(text).toContain(key)
    expect(text).not.toContain('the content')
  })

  test('sensitive events are found, and the text "true" is told to pass the collector\'s filter', () => {
    const event = (sensitive: boolean | string) =>
      printed([
        made({ trace: 'a', id: 'a', from: 0, events: [{ name: 'prompt', attributes: { sensitive } }] }),
      ]).text
    expect(event(true)).toContain('sensitive event')
    expect(event('true')).toContain('unfiltered')
    expect(event(false)).not.toContain('sensitive')
  })

  test('a long value from baggage is found, a short one is not', () => {
    const session = (length: number) =>
      printed([made({ trace: 'a', id: 'a', from: 0, facts: { 'session.id': 'x'.repeat(length) } })]).code
    expect([session(128), session(129)]).toEqual([0, 1])
  })

  test('what a messaging span says is no secret', () => {
    const facts = {
      'messaging.message.id': '1795616645940-0',
      'messaging.destination.name': 'orders@v2',
      'kafka.offset': 4_111_111_111_111_111,
      'server.address': 'redis://cache:6379',
      'sent.at': '1795616645940123456',
    }
    expect(
      printed([
        made({ trace: 'a', id: 'a', from: 0, facts: { ...facts, 'kafka.offset': 1_795_616_645_940_123 } }),
      ]),
    ).toMatchObject({ code: 0 })
    expect(secretIn('amqp://guest:***@rabbit:5672')).toBeUndefined()
    expect(secretIn('4111 1111 1111 1112')).toBeUndefined()
    expect(secretIn('1234567812345670')).toBeUndefined()
  })

  test('a name that is itself a secret is not printed', () => {
    const { text } = printed([
      made({
        trace: 'a',
        id: 'a',
        from: 0,
        name: `GET /${JWT}`,
        facts: { [secrets['e-mail address']!]: JWT },
      }),
    ])
    expect(text).not.toContain(JWT)
    expect(text).not.toContain('ada@example.org')
  })

  test('no spans are exit 2', () => {
    expect(printed([]).code).toBe(2)
  })
})
