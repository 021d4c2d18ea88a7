import { askRedis, greetRedis } from './redis.ts'

const SLOTS = 16_384
/** By which the nodes know each other, and clients are told of them. */
const ANNOUNCED = '127.0.0.1'

/**
 * Makes a cluster of nodes that are none yet, and resolves with their version once all of them know each other and every
 * slot is served. To be called until it does.
 */
export async function greetRedisCluster(url: string): Promise<string> {
  const nodes = url.split(',')
  const versions = await Promise.all(nodes.map(greetRedis))
  if (!(await isWhole(nodes))) {
    await form(nodes)
    if (!(await isWhole(nodes))) throw new Error('the nodes of the cluster do not know each other yet')
  }
  return versions[0]!
}

async function isWhole(nodes: readonly string[]): Promise<boolean> {
  const states = await Promise.all(nodes.map((node) => askRedis(node, [['CLUSTER', 'INFO']])))
  return states.every(
    ([state = '']) =>
      state.includes('cluster_state:ok') && state.includes(`cluster_known_nodes:${nodes.length}`),
  )
}

/** Slots that are taken are refused, which does no harm; met again and again, nodes would never be done with greeting. */
async function form(nodes: readonly string[]): Promise<void> {
  const share = Math.ceil(SLOTS / nodes.length)
  for (const [i, node] of nodes.entries()) {
    const [state = '', table = ''] = await askRedis(node, [
      ['CLUSTER', 'INFO'],
      ['CLUSTER', 'NODES'],
    ])
    if (state.includes('cluster_slots_assigned:0')) {
      const last = Math.min(SLOTS, (i + 1) * share) - 1
      await askRedis(node, [['CLUSTER', 'ADDSLOTSRANGE', String(i * share), String(last)]])
    }
    if (i === 0 || !state.includes('cluster_known_nodes:1\r')) continue
    const { port } = new URL(node)
    const busPort = /@(\d+)\S* myself/.exec(table)?.[1]
    if (busPort === undefined) throw new Error(`${node} is no node of a cluster`)
    await askRedis(nodes[0]!, [['CLUSTER', 'MEET', ANNOUNCED, port, busPort]])
  }
}
