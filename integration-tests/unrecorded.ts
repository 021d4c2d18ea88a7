import { trace, type Span, type Tracer, type TracerProvider } from '@opentelemetry/api'

/** What an adapter asks of the SDK where the sampler keeps nothing: whatever is said of such a span is work for nothing. */
export interface Unrecorded {
  /** Names of the spans that were asked for: a sampler has to see each of them. */
  readonly started: readonly string[]
  /** How many of them were ended. */
  readonly ended: number
  /** Methods by which something was said of one of them afterwards. */
  readonly said: readonly string[]
}

const SAYING = new Set([
  'setAttribute',
  'setAttributes',
  'addEvent',
  'addLink',
  'addLinks',
  'setStatus',
  'updateName',
  'recordException',
])

/** Looks on at the registered SDK, which is to be one that samples nothing, until that is taken away. */
export function watchUnrecorded(): Unrecorded {
  const started: string[] = []
  const said: string[] = []
  let ended = 0
  const watched = (span: Span): Span => {
    if (span.isRecording()) throw new Error('This SDK records spans')
    return new Proxy(span, {
      get(target, name) {
        if (name === 'end') ended++
        else if (SAYING.has(String(name))) said.push(String(name))
        const value: unknown = Reflect.get(target, name)
        return typeof value === 'function' ? (value.bind(target) as unknown) : value
      },
    })
  }
  const provider = trace.getTracerProvider()
  const inner = (provider as { getDelegate?: () => TracerProvider }).getDelegate?.() ?? provider
  trace.disable()
  trace.setGlobalTracerProvider({
    getTracer(...scope) {
      const tracer = inner.getTracer(...scope)
      const startSpan: Tracer['startSpan'] = (name, ...rest) => {
        started.push(name)
        return watched(tracer.startSpan(name, ...rest))
      }
      return { startSpan, startActiveSpan: tracer.startActiveSpan.bind(tracer) }
    },
  })
  return {
    started,
    said,
    get ended() {
      return ended
    },
  }
}
