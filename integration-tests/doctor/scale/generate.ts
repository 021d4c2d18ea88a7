import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import { finished } from 'node:stream/promises'

/** Spans of one journey below. */
export const SPANS_PER_JOURNEY = 10
/** Every so many journeys lose their context at one hop. */
const LOST_EVERY = 100
const JOURNEYS_PER_LINE = 20

/** Writes an export of about `spans` spans as OTLP JSON lines, as the Collector's file exporter would. */
export async function generate(file: string, spans: number): Promise<void> {
  const stream = createWriteStream(file, { highWaterMark: 1 << 20 })
  const journeys = Math.ceil(spans / SPANS_PER_JOURNEY)
  for (let first = 0; first < journeys; first += JOURNEYS_PER_LINE) {
    const count = Math.min(JOURNEYS_PER_LINE, journeys - first)
    const list = Array.from({ length: count }, (_, i) => journey(first + i)).flat()
    const services = [...new Set(list.map(({ service }) => service))]
    const resourceSpans = services.map((service) => ({
      resource: {
        attributes: pairs({
          'service.name': service,
          'service.version': '1.4.2',
          'host.name': `${service}-7d9f8`,
          'telemetry.sdk.language': 'nodejs',
        }),
      },
      scopeSpans: [
        {
          scope: { name: '@waybill/redis-streams', version: '0.1.0' },
          spans: list.filter((span) => span.service === service).map(({ span }) => span),
        },
      ],
    }))
    if (!stream.write(`${JSON.stringify({ resourceSpans })}\n`)) await once(stream, 'drain')
  }
  stream.end()
  await finished(stream)
}

interface Generated {
  readonly service: string
  readonly span: object
}

const START_MS = 1_795_600_000_000

function journey(n: number): Generated[] {
  const lost = n % LOST_EVERY === 0
  const at = START_MS + n * 3
  let traceId = hash(n, 32)
  let serial = 0
  let parent: string | undefined
  const spans: Generated[] = []
  const add = (
    service: string,
    name: string,
    kind: number,
    from: number,
    length: number,
    attributes: object,
    keep = true,
  ): void => {
    const spanId = hash(n * 16 + serial++, 16)
    spans.push({
      service,
      span: {
        traceId,
        spanId,
        ...(parent !== undefined && { parentSpanId: parent }),
        flags: 257,
        name,
        kind,
        startTimeUnixNano: `${at + from}000000`,
        endTimeUnixNano: `${at + from + length}345678`,
        attributes: pairs(attributes),
        events: [],
        links: [],
        status: { code: 0 },
      },
    })
    if (keep) parent = spanId
  }
  const stream = (type: string, destination: string): object => ({
    'messaging.system.name': 'redis',
    'messaging.system': 'redis',
    'messaging.operation.name': type,
    ...(type !== 'transit' && { 'messaging.operation.type': type === 'xadd' ? 'send' : 'process' }),
    'messaging.destination.name': destination,
    'messaging.message.id': `${at}-${n % 7}`,
    'server.address': '10.0.0.7',
    'server.port': 6379,
  })
  add('gateway', 'POST /ask', 2, 0, 40, {
    'http.request.method': 'POST',
    'url.path': '/ask',
    'http.response.status_code': 202,
    'user_agent.original': 'Mozilla/5.0 (X11; Linux x86_64)',
  })
  for (const [i, destination] of ['planner', 'retriever', 'writer'].entries()) {
    const from = 2 + i * 12
    add(i === 0 ? 'gateway' : `agent-${i}`, `xadd ${destination}`, 4, from, 2, stream('xadd', destination))
    add(
      `agent-${i + 1}`,
      `transit ${destination}`,
      1,
      from,
      6,
      { ...stream('transit', destination), 'waybill.transit.time': 0.006 },
      false,
    )
    if (lost && i === 1) {
      traceId = hash(n + 0x40000000, 32)
      parent = undefined
    }
    add(`agent-${i + 1}`, `process ${destination}`, 5, from + 6, 5, {
      ...stream('process', destination),
      'waybill.transit.time': 0.006,
      'waybill.delivery.attempt': 1,
    })
  }
  return spans
}

/** Looks random, and is the same in every run. */
function hash(n: number, digits: number): string {
  let text = ''
  for (let x = n + 1; text.length < digits;) {
    x = Math.imul(x ^ (x >>> 16), 0x45d9f3b) + 0x9e3779b9
    text += (x >>> 0).toString(16).padStart(8, '0')
  }
  // The serial number itself keeps ids apart.
  return `${n.toString(16).padStart(8, '0')}${text}`.slice(0, digits)
}

function pairs(attributes: object): object[] {
  return Object.entries(attributes).map(([key, value]: [string, unknown]) => ({
    key,
    value:
      typeof value === 'number'
        ? Number.isInteger(value)
          ? { intValue: String(value) }
          : { doubleValue: value }
        : { stringValue: value },
  }))
}
