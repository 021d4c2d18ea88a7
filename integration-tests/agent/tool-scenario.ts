import { context, propagation } from '@opentelemetry/api'
import { usageSpanProcessor, withAgentSpan } from '@waybill/agent'
import { traceProducer } from '@waybill/redis-streams'
import { traceTree, type RecordedSpan } from '@waybill/core/testing'
import { Redis } from 'ioredis'
import { randomUUID } from 'node:crypto'
import { inject } from 'vitest'
import { installSdk } from '../telemetry.ts'

const broker = inject('brokers').redis
const url = 'url' in broker ? broker.url : ''
export const hasRedis = url !== ''

/** An agent whose framework calls a tool that publishes to a real stream. */
export interface ToolScenario {
  /** What the tool does. */
  readonly publish: (query: string) => Promise<string>
  /** Runs the framework in the span of an agent `asker`, within a session. */
  readonly run: <T>(framework: () => Promise<T>) => Promise<T>
  /** All spans as a tree, the stream's name left out. */
  readonly tree: (...attributes: string[]) => string
  readonly spans: readonly RecordedSpan[]
  /** The session and depth that each published entry carries. */
  readonly carried: () => Promise<(string | undefined)[]>
  readonly warnings: readonly string[]
  readonly close: () => Promise<void>
}

/** The baggage that a tool's publish carries. */
export const CARRIED = 'app.agent.delegation.depth=0,app.agent.name=asker,session.id=s1'

export function toolScenario({ processors = [] }: { processors?: readonly object[] } = {}): ToolScenario {
  const telemetry = installSdk({ processors: [usageSpanProcessor(), ...processors] })
  const stream = `tool-${randomUUID()}`
  const redis = traceProducer(new Redis(url))
  return {
    publish: async (query) => String(await redis.xadd(stream, '*', 'query', query)),
    run: (framework) => {
      const baggage = propagation.createBaggage({ 'session.id': { value: 's1' } })
      return context.with(propagation.setBaggage(context.active(), baggage), () =>
        withAgentSpan({ name: 'asker' }, framework),
      )
    },
    tree: (...attributes) => traceTree(telemetry.recorder.spans, { attributes }).replaceAll(stream, 'stream'),
    get spans() {
      return telemetry.recorder.spans
    },
    async carried() {
      const entries = await redis.xrange(stream, '-', '+')
      return entries.map(([, fields]) => fields[fields.indexOf('baggage') + 1])
    },
    warnings: telemetry.warnings,
    async close() {
      await redis.del(stream)
      redis.disconnect()
      await telemetry.finish()
    },
  }
}
