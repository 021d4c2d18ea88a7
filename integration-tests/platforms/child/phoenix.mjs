import { getDefaultSpanProcessor, register, traceAgent, traceTool, traceChain } from '@arizeai/phoenix-otel'
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
  return {
    agent: (work) => traceAgent(() => traceTool(work, { name: 'search' })(), { name: 'agent' })(),
    answer: () => traceChain(() => undefined, { name: 'answer' })(),
    flush: () => provider.forceFlush(),
  }
}
