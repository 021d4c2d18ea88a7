import { greetAmqp } from '../handshake/amqp.ts'
import type { NativeBroker } from '../native/child.ts'
import { nativeRabbitmq } from '../native/rabbitmq.ts'
import type { Recipe } from './recipe.ts'

// The interceptor (RabbitMQ 3.12 and later) writes the broker's own time of arrival into each message: what tests
// compare our transit time with.
const settings = `loopback_users = none
message_interceptors.incoming.set_header_timestamp.overwrite = false
`

export const rabbitmq: Recipe = {
  name: 'rabbitmq',
  variable: 'AMQP_URL',
  greet: greetAmqp,
  container: {
    image: 'rabbitmq:4',
    port: 5672,
    files: [{ target: '/etc/rabbitmq/conf.d/90-waybill.conf', content: settings }],
    url: (host, port) => `amqp://guest:guest@${host}:${port}`,
  },
  native: nativeRabbitmq,
}

/** Debian 12's release. It does not know the interceptor. */
export const oldestRabbitmq: Recipe = {
  ...rabbitmq,
  name: 'rabbitmq-3.10',
  variable: 'AMQP_3_10_URL',
  container: {
    ...rabbitmq.container,
    image: 'rabbitmq:3.10',
    files: [{ target: '/etc/rabbitmq/conf.d/90-waybill.conf', content: 'loopback_users = none\n' }],
  },
  native: () => nativeOf('3.10'),
}

/** Debian's release in development: counters of its own on quorum queues, and delayed retries. */
export const newestRabbitmq: Recipe = {
  ...rabbitmq,
  name: 'rabbitmq-4.3',
  variable: 'AMQP_4_3_URL',
  container: { ...rabbitmq.container, image: 'rabbitmq:4.3' },
  native: () => nativeOf('4.3'),
}

async function nativeOf(release: string): Promise<NativeBroker> {
  const broker = await nativeRabbitmq()
  if (broker.version.startsWith(`${release}.`)) return broker
  await broker.stop()
  throw new Error(`the rabbitmq-server installed is ${broker.version}, not ${release}`)
}
