import type { Attributes, RawSpan, SpanKind } from './raw-span.ts'

type HrTime = readonly [number, number]

interface SdkSpanContext {
  readonly traceId: string
  readonly spanId: string
  readonly isRemote?: boolean | undefined
  readonly traceState?: { serialize(): string } | undefined
}

/** The part of an SDK's ended span that is read; the same in SDK 2 and SDK 3. */
export interface SdkSpan {
  readonly name: string
  readonly kind: number
  readonly attributes: object
  readonly links: readonly { readonly context: SdkSpanContext; readonly attributes?: object | undefined }[]
  readonly events: readonly {
    readonly name: string
    readonly attributes?: object | undefined
    readonly time?: HrTime
  }[]
  readonly status: { readonly code: number; readonly message?: string | undefined }
  readonly startTime: HrTime
  readonly endTime: HrTime
  readonly ended?: boolean
  readonly droppedLinksCount?: number
  readonly droppedAttributesCount?: number
  readonly droppedEventsCount?: number
  readonly parentSpanContext?: SdkSpanContext | undefined
  readonly resource?: { readonly attributes: object }
  readonly instrumentationScope: { readonly name: string; readonly version?: string | undefined }
  spanContext(): SdkSpanContext
}

const KINDS: readonly SpanKind[] = ['INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER']
const STATUS_ERROR = 2

/** OTLP's flags of a span: sampled, whether the parent came by wire, and that this is known. */
export function flagsOf({ parentSpanContext }: Pick<SdkSpan, 'parentSpanContext'>): number {
  return parentSpanContext?.isRemote === true ? 0x301 : 0x101
}

/** A span of this process, as one of an export. */
export function rawSpanOf(span: SdkSpan): RawSpan {
  const context = span.spanContext()
  return {
    traceId: context.traceId,
    spanId: context.spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    name: span.name,
    kind: KINDS[span.kind] ?? 'INTERNAL',
    start: microseconds(span.startTime),
    end: span.ended === false ? undefined : microseconds(span.endTime),
    flags: flagsOf(span),
    traceState: context.traceState?.serialize() ?? '',
    attributes: span.attributes as Attributes,
    resource: (span.resource?.attributes ?? {}) as Attributes,
    scope: span.instrumentationScope.name,
    links: span.links.map(({ context: { traceId, spanId }, attributes = {} }) => ({
      traceId,
      spanId,
      attributes: attributes as Attributes,
    })),
    droppedLinks: span.droppedLinksCount ?? 0,
    events: span.events.map(({ name, attributes = {} }) => ({ name, attributes: attributes as Attributes })),
    failed: span.status.code === STATUS_ERROR,
    adjusted: false,
  }
}

function microseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1_000_000 + Math.floor(nanoseconds / 1000)
}
