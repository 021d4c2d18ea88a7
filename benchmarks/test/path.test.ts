import { describe, expect, it } from 'vitest'
import { pathFacts, pathRowOf, paths } from '../src/path.ts'
import { pathTableOf } from '../src/table.ts'

describe('pathRowOf', () => {
  it('takes the median of what each round adds, and holds it against a fixed limit', () => {
    const rounds = [
      { reference: 10, ours: 12 },
      { reference: 20, ours: 22.5 },
      { reference: 10, ours: 99 },
    ]
    expect(pathRowOf('kafka-send', 100, rounds)).toMatchObject({
      broker: 'kafka',
      bareUs: 10,
      peerUs: null,
      oursUs: 2.5,
      floorUs: null,
      target: 3,
      pass: true,
      rounds: 3,
    })
    expect(pathRowOf('kafka-batch', 100, [{ reference: 1, ours: 4.1 }])).toMatchObject({ pass: false })
  })

  it('holds many messages in flight against few', () => {
    expect(pathRowOf('rabbitmq-depth', 100, [{ reference: 20, ours: 22 }])).toMatchObject({
      bareUs: null,
      oursUs: 22,
      pass: true,
    })
    expect(pathRowOf('rabbitmq-depth', 100, [{ reference: 20, ours: 22.1 }])).toMatchObject({ pass: false })
  })

  it('holds memory against two megabytes', () => {
    expect(pathRowOf('heap', 100, [{ reference: 0, ours: 2 }])).toMatchObject({ unit: 'MB', pass: true })
    expect(pathRowOf('heap', 100, [{ reference: 0, ours: 2.1 }])).toMatchObject({ pass: false })
  })
})

describe('pathTableOf', () => {
  it('has a line for each path, within 100 columns', () => {
    const rows = paths.map((path) =>
      pathRowOf(path, pathFacts[path].full.messages, [{ reference: 1000, ours: 5000 }]),
    )
    const lines = pathTableOf(rows).split('\n')
    expect(lines).toHaveLength(paths.length + 1)
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100)
    expect(lines.at(-1)).toMatch(/^core +heap after 5 M messages +5000\.0 MB +2\.0 MB +short$/)
  })
})
