import { brokerImages } from './broker-images.ts'
import { dockerEngine } from './docker-engine.ts'
import { nativePackages } from './native-packages.ts'

export interface PreparedBrokers {
  /** For the processes that start brokers. */
  readonly env: NodeJS.ProcessEnv
  close(): Promise<void>
}

const variables = ['REDIS_URL', 'AMQP_URL', 'KAFKA_BROKERS']

/**
 * Makes it possible to start brokers here; starts none, see @waybill/brokers. What cannot be had is said, not thrown:
 * whether a missing broker is a failure is decided where it is used.
 */
export async function prepareBrokers(env: NodeJS.ProcessEnv): Promise<PreparedBrokers> {
  if (variables.every((variable) => env[variable])) return { env: {}, close: async () => {} }
  const engine = await dockerEngine()
  try {
    if (engine === undefined) await nativePackages()
    return { env: engine === undefined ? {} : await brokerImages(), close: async () => engine?.stop() }
  } catch {
    return { env: {}, close: async () => engine?.stop() }
  }
}
