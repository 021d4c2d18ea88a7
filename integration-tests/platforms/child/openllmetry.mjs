import { forceFlush, initialize, withAgent, withTask, withTool } from '@traceloop/node-server-sdk'
import { baggageSpanProcessor } from '@waybill/core'

export function start(baseUrl, setup) {
  initialize({
    baseUrl,
    apiKey: 'key',
    disableBatch: true,
    silenceInitializationMessage: true,
    ...(setup === 'whole' && { processor: baggageSpanProcessor({ allow: ['session.id'] }) }),
  })
  return {
    agent: (work) =>
      withAgent({ name: 'agent', associationProperties: { user_id: 'u-1' } }, () =>
        withTool({ name: 'search' }, work),
      ),
    answer: () => withTask({ name: 'answer' }, () => undefined),
    flush: forceFlush,
  }
}
