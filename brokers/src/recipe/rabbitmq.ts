import { greetAmqp } from '../handshake/amqp.ts'
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
  async native() {
    const broker = await nativeRabbitmq()
    if (broker.version.startsWith('3.10.')) return broker
    await broker.stop()
    throw new Error(`the rabbitmq-server installed is ${broker.version}, not 3.10`)
  },
}
