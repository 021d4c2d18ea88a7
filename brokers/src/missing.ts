import type { BrokerName, MissingBroker } from './broker.ts'

/** What a reader can do about a broker that is not there. */
export function remedy(name: BrokerName, variable: string): string {
  return `give ${variable}, start Docker, or install ${nativePackages[name]}`
}

const nativePackages: Record<BrokerName, string> = {
  redis: 'redis-server',
  rabbitmq: 'rabbitmq-server',
  kafka: 'Kafka (KAFKA_HOME) and a Java runtime >= 17',
  'rabbitmq-3.10': "Debian 12's rabbitmq-server",
  'rabbitmq-4.3': 'a rabbitmq-server of 4.3',
  'redis-cluster': 'redis-server',
  'redis-8.6': 'a redis-server of at least 8.6 (REDIS_8_6_SERVER)',
}

/**
 * The one place that decides whether a missing broker is a failure: it is under CI (or REQUIRE_BROKERS=1), so that a
 * green build says something; elsewhere the tests that need it are skipped with the reason.
 */
export function requireBrokers(
  missing: readonly MissingBroker[],
  env: NodeJS.ProcessEnv = process.env,
): void {
  if (missing.length === 0 || !(isOn(env['CI']) || isOn(env['REQUIRE_BROKERS']))) return
  throw new Error(
    ['No broker for some tests, and CI or REQUIRE_BROKERS is set:', ...missing.map(missingLine)].join('\n  '),
  )
}

export function missingLine({ name, reason }: MissingBroker): string {
  return `${name}: ${reason}`
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && !['', '0', 'false'].includes(value.toLowerCase())
}
