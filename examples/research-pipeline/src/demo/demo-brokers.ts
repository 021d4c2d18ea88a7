import { startBrokers, startPostgres, type MissingBroker } from '@waybill/brokers'
import type { BrokerUrls } from './destinations.ts'

/** What the demo runs on. */
export interface DemoBrokers {
  readonly urls: BrokerUrls
  /** Version by broker. */
  readonly versions: Readonly<Record<string, string>>
  /** True if a broker is missing: all hops then go over BullMQ. */
  readonly bullmqOnly: boolean
  /** What had to be left out, and how to have it; no lines if nothing had to. */
  readonly leftOut: readonly string[]
  stop(): Promise<void>
}

const people: Readonly<Record<string, string>> = { redis: 'Redis', rabbitmq: 'RabbitMQ', kafka: 'Kafka' }

/**
 * All brokers; where one cannot be had, what BullMQ needs alone, which is Redis, or PostgreSQL from npm's binaries: those run
 * on every machine that has Node.js.
 */
export async function startDemoBrokers(): Promise<DemoBrokers> {
  const { brokers, missing, stop } = await startBrokers(['redis', 'rabbitmq', 'kafka'])
  try {
    const { redis, rabbitmq, kafka } = brokers
    const bullmqOnly = missing.length > 0
    const postgres = redis === undefined ? await startPostgres() : undefined
    if (postgres !== undefined)
      console.log(`✔ PostgreSQL ${postgres.version}, for BullMQ in the place of Redis`)
    const used = bullmqOnly ? { redis } : brokers
    const versions = Object.entries(used).map(([name, broker]) => [name, broker?.version ?? ''] as const)
    return {
      urls: {
        redisUrl: redis?.url ?? '',
        bullmqUrl: redis?.url ?? postgres?.url ?? '',
        amqpUrl: rabbitmq?.url ?? '',
        kafkaBrokers: kafka?.url ?? '',
      },
      versions: Object.fromEntries([
        ...versions.filter(([, version]) => version !== ''),
        ...(postgres === undefined ? [] : [['postgresql', postgres.version]]),
      ]) as Record<string, string>,
      bullmqOnly,
      leftOut: linesFor(missing),
      async stop() {
        await Promise.all([stop(), postgres?.stop()])
      },
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** What a demo on BullMQ alone does not show, and what to do about it. */
export function linesFor(missing: readonly MissingBroker[]): string[] {
  if (missing.length === 0) return []
  const names = missing.map(({ name }) => people[name] ?? name).toSorted((a, b) => a.localeCompare(b))
  return [
    '',
    `Not all brokers are here (${names.join(', ')} missing), so this is the part of the demo that BullMQ does alone.`,
    'For the whole demo:',
    ...missing.map(({ name, reason }) => `  ${people[name] ?? name}: ${reason}`),
  ]
}
