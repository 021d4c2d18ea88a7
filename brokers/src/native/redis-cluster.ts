import { greetRedis } from '../handshake/redis.ts'
import { greetRedisCluster } from '../handshake/redis-cluster.ts'
import { untilReady } from '../handshake/ready.ts'
import { freePorts } from '../ports.ts'
import { brokerFolder, type NativeBroker, startChild } from './child.ts'
import { needProgram } from './program.ts'

/** Three processes, on loopback, which then become a cluster. */
export async function nativeRedisCluster(): Promise<NativeBroker> {
  const program = needProgram('redis-server')
  const ports = await freePorts(6)
  const nodes: NativeBroker[] = []
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()))
  }
  try {
    for (const port of ports.slice(0, 3))
      nodes.push(await startNode(program, port, ports.at(-1 - nodes.length)!))
    const url = nodes.map((node) => node.url).join(',')
    const version = await untilReady(() => greetRedisCluster(url), { timeoutMs: 20_000 })
    const restart = async (): Promise<void> => {
      await Promise.all(nodes.map((node) => node.restart()))
      await untilReady(() => greetRedisCluster(url), { timeoutMs: 20_000 })
    }
    return { url, version, restart, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

async function startNode(program: string, port: number, busPort: number): Promise<NativeBroker> {
  const folder = await brokerFolder('redis-cluster')
  return startChild({
    url: `redis://127.0.0.1:${port}`,
    program,
    args: `--port ${port} --bind 127.0.0.1 --daemonize no --appendonly no --cluster-enabled yes --cluster-port ${busPort}`
      .split(' ')
      .concat('--save', '', '--dir', folder),
    folder,
    greet: greetRedis,
    timeoutMs: 10_000,
  })
}
