import { expect, test } from 'vitest'
import { hasInterceptor } from '../src/native/rabbitmq.ts'

test.each([
  ['/usr/lib/rabbitmq/lib/rabbitmq_server-3.10.8/sbin/rabbitmq-server', false],
  ['/usr/lib/rabbitmq/lib/rabbitmq_server-3.12.0/sbin/rabbitmq-server', true],
  ['/opt/rabbitmq_server-4.0.5/sbin/rabbitmq-server', true],
  ['/usr/local/sbin/rabbitmq-server', false],
])('the timestamp interceptor of %s: %s', (program, known) => {
  expect(hasInterceptor(program)).toBe(known)
})
