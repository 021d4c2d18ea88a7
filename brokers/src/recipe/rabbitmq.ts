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
