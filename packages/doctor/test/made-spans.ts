import { diagnose, type Diagnosis } from '../src/diagnose.ts'
import type { InputFacts } from '../src/input/read.ts'
import type { Attributes, RawSpan, SpanKind } from '../src/input/raw-span.ts'
import { collectSpans } from '../src/model/spans.ts'
import type { Settings } from '../src/settings.ts'

/** A made span, in milliseconds and short names. */
export interface Made {
  readonly trace: string
  readonly id: string
  readonly parent?: string
  readonly name?: string
  readonly kind?: SpanKind
  readonly service?: string
  readonly host?: string
  readonly scope?: string
  readonly from: number
  readonly to?: number
  readonly facts?: Attributes
  /** `trace/span` */
  readonly links?: readonly (string | { readonly to: string; readonly facts: Attributes })[]
  readonly flags?: number
  readonly traceState?: string
  readonly droppedLinks?: number
  readonly adjusted?: boolean
  readonly unended?: boolean
  readonly events?: RawSpan['events']
}

/** 2026-11-25, so that times are as large as real ones. */
const EPOCH_US = 1_795_600_000_000_000

export function hex(name: string, digits: number): string {
  return Buffer.from(name).toString('hex').padStart(digits, '0').slice(-digits)
}

export function made(one: Made): RawSpan {
  const link = (target: string, facts: Attributes): RawSpan['links'][number] => {
    const [trace = '', span = ''] = target.split('/')
    return { traceId: hex(trace, 32), spanId: hex(span, 16), attributes: facts }
  }
  return {
    traceId: hex(one.trace, 32),
    spanId: hex(one.id, 16),
    parentSpanId: one.parent === undefined ? undefined : hex(one.parent, 16),
    name: one.name ?? one.id,
    kind: one.kind ?? 'INTERNAL',
    start: EPOCH_US + Math.round(one.from * 1000),
    end: one.unended === true ? undefined : EPOCH_US + Math.round((one.to ?? one.from + 1) * 1000),
    flags: one.flags ?? 0,
    traceState: one.traceState ?? '',
    attributes: one.facts ?? {},
    resource: {
      'service.name': one.service ?? 'app',
      ...(one.host !== undefined && { 'host.name': one.host }),
    },
    scope: one.scope ?? '',
    links: (one.links ?? []).map((target) =>
      typeof target === 'string' ? link(target, {}) : link(target.to, target.facts),
    ),
    droppedLinks: one.droppedLinks ?? 0,
    events: one.events ?? [],
    failed: false,
    adjusted: one.adjusted ?? false,
  }
}

const INPUT: InputFacts = { files: ['made'], formats: ['otlp-json'], partial: false, warnings: [] }

export function diagnosisOf(
  spans: readonly RawSpan[],
  settings: Partial<Settings> = {},
  input: Partial<InputFacts> = {},
): Diagnosis {
  const collector = collectSpans()
  for (const span of spans) collector.add(span)
  return diagnose(collector.model(), { ...INPUT, ...input }, settings)
}

export function examine(
  spans: readonly Made[],
  settings: Partial<Settings> = {},
  input: Partial<InputFacts> = {},
): Diagnosis {
  return diagnosisOf(spans.map(made), settings, input)
}

/** Findings as short lines: rule, level, count. */
export function verdict({ findings }: Diagnosis): string[] {
  return findings.map(({ rule, level, count }) => `${rule} ${level} ×${count}`)
}

export type Role = 'send' | 'process' | 'receive'

/** Attributes of a span of a Redis stream, or of another system. */
export function message(role: Role, destination: string, id?: string, more: Attributes = {}): Attributes {
  return {
    'messaging.system.name': 'redis',
    'messaging.operation.type': role,
    'messaging.destination.name': destination,
    ...(id !== undefined && { 'messaging.message.id': id }),
    ...more,
  }
}

export function send(
  trace: string,
  id: string,
  destination: string,
  messageId: string | undefined,
  from: number,
  more: Partial<Made> = {},
): Made {
  return {
    trace,
    id,
    kind: 'PRODUCER',
    service: 'gateway',
    name: `xadd ${destination}`,
    from,
    ...more,
    facts: message('send', destination, messageId, more.facts),
  }
}

export function process(
  trace: string,
  id: string,
  destination: string,
  messageId: string | undefined,
  from: number,
  more: Partial<Made> = {},
): Made {
  return {
    trace,
    id,
    kind: 'CONSUMER',
    service: 'worker',
    name: `process ${destination}`,
    from,
    ...more,
    facts: message('process', destination, messageId, { 'waybill.transit.time': 0.001, ...more.facts }),
  }
}

/** Something before and after, so that what is tested lies within the window. */
export function frame(to = 10_000): Made[] {
  return [
    { trace: 'first', id: 'first', name: 'cron', from: -to, to: -to + 1 },
    { trace: 'last', id: 'last', name: 'cron', from: 2 * to, to: 2 * to + 1 },
  ]
}
