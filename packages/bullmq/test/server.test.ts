import { expect, test } from 'vitest'
import { serverAttributes } from '../src/server.ts'

test.each([
  ['host and port', { host: 'redis', port: 6380 }, { 'server.address': 'redis', 'server.port': 6380 }],
  ['a URL', { url: 'redis://u:p@redis:6380/1' }, { 'server.address': 'redis', 'server.port': 6380 }],
  ['a URL without port', { url: 'redis://redis' }, { 'server.address': 'redis' }],
  [
    'an ioredis client',
    { options: { host: 'redis', port: 1 } },
    { 'server.address': 'redis', 'server.port': 1 },
  ],
  [
    'a node-redis client',
    { options: { socket: { host: 'redis', port: 1 } } },
    { 'server.address': 'redis', 'server.port': 1 },
  ],
  [
    "PostgreSQL's connection string",
    { connectionString: 'postgres://u:p@pg:5433/jobs' },
    { 'server.address': 'pg', 'server.port': 5433 },
  ],
  ['a cluster', { nodes: () => [] }, {}],
  ['nothing', undefined, {}],
])('the server in %s', (_what, connection, expected) => {
  expect(serverAttributes(connection)).toEqual(expected)
})
