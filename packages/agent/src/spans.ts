import {
  context as contextApi,
  SpanKind,
  trace,
  type Attributes,
  type Context,
  type Link,
  type Span,
} from '@opentelemetry/api'
import { NO_SPAN, recordFailure, safely, settle } from '@waybill/core/adapter'
import type { Resolved } from './settings.ts'

/** One span of ours: what samplers are told, and what is added only if it is recorded. */
export interface Spanned {
  readonly name: string
  readonly kind?: SpanKind
  readonly attributes: Attributes
  readonly links?: readonly Link[]
  readonly details?: () => Attributes
  /** Asked for when the work is done, if the span is recorded. */
  readonly results?: () => Attributes
  /** Called when the work is done, recorded or not. */
  readonly done?: () => void
}

/**
 * Runs `fn` in a span, which ends when that settles. Without an SDK `fn` is simply run. Telemetry never throws into it.
 *
 * @param enter makes the context that `fn` runs in, from that with the span in it
 */
export function inSpan<T>(
  resolved: Resolved,
  spanned: Spanned,
  fn: (span: Span) => T,
  enter: (context: Context, span: Span) => Context = (context) => context,
): T {
  const { telemetry } = resolved
  const signals = telemetry.signals()
  const caller = contextApi.active()
  const { name, kind = SpanKind.INTERNAL, attributes, links = [] } = spanned
  const span =
    signals === undefined
      ? NO_SPAN
      : safely(telemetry.log, `starting the span of ${name}`, NO_SPAN, () =>
          signals.tracer.startSpan(name, { kind, attributes, links: [...links] }, caller),
        )
  const add = (more: (() => Attributes) | undefined): void => {
    if (more !== undefined && span.isRecording())
      safely(telemetry.log, `describing the span of ${name}`, undefined, () => span.setAttributes(more()))
  }
  add(spanned.details)
  const context = safely(telemetry.log, `the context of ${name}`, caller, () =>
    enter(span === NO_SPAN ? caller : trace.setSpan(caller, span), span),
  )
  return settle(
    () => contextApi.with(context, () => fn(span)),
    (failure) => {
      add(spanned.results)
      safely(telemetry.log, `ending the span of ${name}`, undefined, () => {
        spanned.done?.()
        if (span.isRecording()) recordFailure(span, { failure })
        span.end()
      })
    },
  )
}
