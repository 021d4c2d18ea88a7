import { context } from '@opentelemetry/api'
import {
  getDefaultSpanProcessor,
  register,
  setSession,
  traceAgent,
  traceChain,
  traceTool,
} from '@arizeai/phoenix-otel'
import { baggageSpanProcessor } from '@waybill/core'

export function start(url, setup) {
  const exporting = getDefaultSpanProcessor({ url, batch: false })
  const provider = register({
    url,
    batch: false,
    ...(setup === 'whole' && {
      spanProcessors: [baggageSpanProcessor({ allow: ['session.id'] }), exporting],
    }),
  })
  const agent = (work) => traceAgent(() => traceTool(work, { name: 'search' })(), { name: 'agent' })()
  return {
    agent: (work) =>
      setup === 'whole'
        ? agent(work)
        : context.with(setSession(context.active(), { sessionId: 's-7' }), () => agent(work)),
    answer: () => traceChain(() => undefined, { name: 'answer' })(),
    flush: () => provider.forceFlush(),
  }
}
