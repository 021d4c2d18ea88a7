import { isDefaultExportSpan, LangfuseSpanProcessor } from '@langfuse/otel'
import { propagateAttributes, startActiveObservation } from '@langfuse/tracing'
import { NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

export function start(baseUrl, setup) {
  const langfuse = new LangfuseSpanProcessor({
    baseUrl,
    publicKey: 'pk',
    secretKey: 'sk',
    ...(setup === 'whole' && {
      shouldExportSpan: ({ otelSpan }) =>
        isDefaultExportSpan(otelSpan) || otelSpan.instrumentationScope.name.startsWith('@waybill/'),
    }),
  })
  new NodeTracerProvider({ spanProcessors: [langfuse] }).register()
  return {
    agent: (work) =>
      propagateAttributes({ sessionId: 's-7', userId: 'u-1', asBaggage: true }, () =>
        startActiveObservation('agent', () => startActiveObservation('search', work, { asType: 'tool' }), {
          asType: 'agent',
        }),
      ),
    answer: () => startActiveObservation('answer', () => undefined, { asType: 'generation' }),
    flush: () => langfuse.forceFlush(),
  }
}
