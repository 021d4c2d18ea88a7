import { greetRedisCluster } from '../handshake/redis-cluster.ts'
import { nativeRedisCluster } from '../native/redis-cluster.ts'
import type { Recipe } from './recipe.ts'

/**
 * Three masters in one container: they and their clients then know each other by the same addresses, 127.0.0.1 inside and
 * outside.
 */
export const redisCluster: Recipe = {
  name: 'redis-cluster',
  variable: 'REDIS_CLUSTER_URL',
  greet: greetRedisCluster,
  container: {
    image: 'redis:8',
    morePorts: 2,
    command: (ports) => [
      'sh',
      '-c',
      ports
        .map(
          (port, i) =>
            `redis-server --port ${port} --bind 0.0.0.0 --protected-mode no --save '' --cluster-enabled yes` +
            ` --cluster-config-file nodes-${i}.conf --cluster-port ${17_000 + i} --cluster-announce-ip 127.0.0.1`,
        )
        .join(' & '),
    ],
    url: (host, ...ports) => ports.map((port) => `redis://${host}:${port}`).join(','),
  },
  native: nativeRedisCluster,
}
