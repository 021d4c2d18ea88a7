import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, inject, test } from 'vitest'
import { otherNode } from '../../scripts/other-node.mjs'
import { cases } from './matrix.ts'
import { batchers } from './queues.ts'

const broker = inject('brokers').redis
const redisUrl = 'url' in broker ? broker.url : ''
const node = otherNode(22)

test.skipIf(node === undefined)(
  'agents-24: on Node.js 22, all cases of the matrix, and what mends them, are as here',
  { timeout: 60_000 },
  async () => {
    const file = fileURLToPath(new URL('child/matrix.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(node ?? '', [
      '--no-warnings',
      '--conditions=waybill-source',
      file,
      redisUrl,
    ])
    const found = JSON.parse(stdout) as { node: string; verdicts: object; batches: object }
    const expected = cases
      .filter(({ needsRedis = false }) => !needsRedis || redisUrl !== '')
      .map(({ name, verdict, mended }) => [name, mended === undefined ? [verdict] : [verdict, 'right']])
    expect(found.node).toMatch(/^v22\./)
    expect(found.verdicts).toEqual(Object.fromEntries(expected))
    expect(found.batches).toEqual(
      Object.fromEntries(batchers.map(({ name }) => [name, { roots: 1, links: 3, callers: 3 }])),
    )
  },
)
