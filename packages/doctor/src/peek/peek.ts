import { UnreadableInput } from '../input/json-values.ts'
import { durationText } from '../report/duration.ts'
import { inkFor, type Ink } from '../report/ink.ts'
import type { Terminal } from '../report/report.ts'
import { clean } from '../report/text.ts'
import { summarize, type Look, type LookSummary } from './carrier.ts'
import { peekKafka } from './kafka.ts'
import type { PeekOptions } from './options.ts'
import { peekRabbitmq } from './rabbitmq.ts'
import { peekRedis } from './redis.ts'

/** Looks at waiting messages, changes nothing, and says what carries context. */
export async function peek(
  url: string,
  destination: string | undefined,
  options: PeekOptions & { readonly format: 'table' | 'json' },
  terminal: Terminal,
): Promise<number> {
  const looks = await look(url, destination, options)
  const now = Date.now()
  const summaries = looks.map((one) => summarize(one, now))
  const seen = summaries.reduce((sum, { sampled }) => sum + sampled, 0)
  const bad = summaries.some(({ carriers, sampled, oversize }) => carriers.w3c < sampled || oversize > 0)
  const code = seen === 0 ? 2 : bad ? 1 : 0
  if (options.format === 'json') {
    terminal.out.write(`${JSON.stringify({ version: 1, destinations: summaries, exit: code }, null, 2)}\n`)
  } else {
    const ink = inkFor(terminal.out, terminal.env)
    for (const summary of summaries) terminal.out.write(`${textOf(summary, ink)}\n`)
  }
  if (code === 2) terminal.err.write('waybill-doctor: no messages to look at\n')
  return code
}

async function look(url: string, destination: string | undefined, options: PeekOptions): Promise<Look[]> {
  try {
    if (/^rediss?:/.test(url)) return await peekRedis(url, destination, options)
    if (/^amqps?:/.test(url)) return await peekRabbitmq(url, destination, options)
    if (url.startsWith('kafka:') || /^[\w.-]+:\d+(,|$)/.test(url))
      return await peekKafka(url, destination, options)
  } catch (error) {
    if (error instanceof UnreadableInput) throw error
    throw new UnreadableInput(`the broker cannot be looked at: ${withoutPassword((error as Error).message)}`)
  }
  throw new UnreadableInput('peek takes redis://, amqp:// or kafka:// (or host:port of Kafka)')
}

function withoutPassword(text: string): string {
  return text.replaceAll(/:\/\/[^\s@/]*@/g, '://…@')
}

function textOf(
  { destination, system, sampled, waiting, carriers, contradicted, oversize, ...rest }: LookSummary,
  ink: Ink,
): string {
  const of = `of ${sampled} messages looked at`
  const lines: string[] = []
  if (sampled > 0 && carriers.w3c === sampled)
    lines.push(ink('green', `all ${sampled} messages looked at carry a traceparent`))
  if (carriers.missing > 0)
    lines.push(
      `${ink('red', 'NO-CARRIER')}  ${carriers.missing} ${of} have no traceparent: the producer does not inject`,
    )
  if (carriers.sentry > 0)
    lines.push(`${ink('red', 'VENDOR-CARRIER-MISMATCH')}  ${carriers.sentry} ${of} are in Sentry's format`)
  if (carriers.datadog > 0)
    lines.push(`${ink('red', 'VENDOR-CARRIER-MISMATCH')}  ${carriers.datadog} ${of} are in Datadog's format`)
  if (carriers.malformed > 0)
    lines.push(
      `${ink('red', 'NO-CARRIER')}  ${carriers.malformed} ${of} have a traceparent that cannot be read`,
    )
  if (contradicted > 0)
    lines.push(
      `${ink('yellow', 'VENDOR-CARRIER-MISMATCH')}  ${contradicted} ${of} carry another trace in a vendor's format beside their traceparent`,
    )
  if (oversize > 0) lines.push(`${oversize} ${of} carry more than receivers must accept`)
  if (rest.largestBaggageBytes > 0)
    lines.push(`largest baggage ${(rest.largestBaggageBytes / 1000).toFixed(1)} kB`)
  if (rest.oldestMs !== null) lines.push(`the oldest was sent ${durationText(rest.oldestMs * 1000)} ago`)
  if (rest.note !== undefined) lines.push(ink('dim', rest.note))
  const depth = waiting === null ? '' : `, ${waiting} waiting`
  return [
    `${ink('bold', clean(destination))} (${system}${depth})`,
    ...lines.map((line) => `   ${line}`),
  ].join('\n')
}
