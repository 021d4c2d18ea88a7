import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { step } from '../step.mjs'

function printer() {
  const lines: string[] = []
  return { lines, print: (line: string) => void lines.push(line) }
}

test('a step is one line with its time; its log is not shown', async () => {
  const { lines, print } = printer()
  const result = await step(
    'Docker engine',
    async (log) => {
      log('Reading package lists...\n')
      log.title('Docker engine from Debian packages')
      return 42
    },
    { print },
  )
  expect(result).toBe(42)
  expect(lines).toEqual([expect.stringMatching(/^✔ Docker engine from Debian packages \(\d+\.\d s\)$/)])
})

test('a failed step shows its log and its reason, and fails', async () => {
  const { lines, print } = printer()
  const work = step(
    'Kafka',
    async (log) => {
      log('first\n')
      log('second\n')
      throw new Error('no mvn')
    },
    { print },
  )
  await expect(work).rejects.toThrow('no mvn')
  expect(lines).toEqual(['first\nsecond', expect.stringMatching(/^✖ Kafka \(\d+\.\d s\): no mvn$/)])
})

test('a slow step says that it is still at work', async () => {
  const { lines, print } = printer()
  await step('Images', () => sleep(50), { print, patienceMs: 30 })
  expect(lines[0]).toMatch(/^… Images \(0\.\d s so far\)$/)
  await sleep(50)
  expect(lines).toHaveLength(2)
})
