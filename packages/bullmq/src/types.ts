import type { Attributes, AttributeValue, Context } from '@opentelemetry/api'

/** BullMQ's `Span`, as its own code calls it. */
export interface BullmqSpan {
  setSpanOnContext(context: Context): Context
  setAttribute(key: string, value: AttributeValue): void
  setAttributes(attributes: Attributes): void
  addEvent(name: string, attributes?: Attributes): void
  recordException(exception: unknown, time?: unknown): void
  end(): void
}

/** BullMQ's `Tracer`. */
export interface BullmqTracer {
  startSpan(name: string, options?: { readonly kind: number }, context?: Context): BullmqSpan
}

/** BullMQ's `ContextManager`. */
export interface BullmqContextManager {
  // BullMQ's own signature; with `unknown[]` no handler would be assignable.
  with<A extends (...args: any[]) => any>(context: Context, fn: A): ReturnType<A>
  active(): Context
  root(): Context
  getMetadata(context: Context): string
  fromMetadata(activeContext: Context, metadata: string): Context
}

/** What BullMQ's `telemetry` option takes. It has no `meter`: BullMQ's own `bullmq.*` metrics stay off. */
export interface BullmqTelemetry {
  readonly tracer: BullmqTracer
  readonly contextManager: BullmqContextManager
}

/** What a job says of itself to an application's `jobAttributes`. */
export interface JobInfo {
  readonly id?: string | undefined
  readonly name: string
  readonly data: unknown
  readonly returnvalue: unknown
  readonly failedReason: string
  readonly attemptsMade: number
  readonly priority: number
  readonly queueName: string
}

/** The slice of a BullMQ `Job` from which its wait is known. */
export interface Job {
  readonly id?: string | undefined
  readonly name: string
  /** Epoch ms by the producer's clock, unless the application chose another. */
  readonly timestamp: number
  readonly attemptsMade: number
  readonly attemptsStarted: number
  readonly stalledCounter: number
  /** ms. Once an attempt has failed and is to be retried: the backoff that BullMQ chose. */
  readonly delay?: number | undefined
  readonly failedReason?: string | undefined
  readonly stacktrace?: readonly string[] | null | undefined
  readonly repeatJobKey?: string | undefined
  readonly opts?:
    | {
        readonly delay?: number | undefined
        readonly timestamp?: number | undefined
        readonly deduplication?: { readonly keepLastIfActive?: boolean | undefined } | undefined
        readonly attempts?: number | undefined
        readonly backoff?:
          | number
          | {
              readonly type?: string
              readonly delay?: number | undefined
              readonly jitter?: number | undefined
            }
          | undefined
        readonly telemetry?: { readonly metadata?: unknown } | undefined
      }
    | undefined
}

/** The slice of a BullMQ `Worker` that is running a job. */
export interface Worker {
  readonly id: string
  readonly name: string
  readonly closing?: unknown
  readonly opts: {
    readonly telemetry?: { readonly tracer?: unknown } | undefined
    readonly connection?: unknown
    readonly prefix?: string | undefined
    readonly limiter?: unknown
  }
  on(event: 'failed', listener: (job: object | undefined, error: unknown) => void): unknown
}

/** A class of BullMQ's, known by one of its methods. */
export interface ClassOf<M extends string> {
  readonly prototype: Readonly<Record<M, (...args: never[]) => unknown>>
}
