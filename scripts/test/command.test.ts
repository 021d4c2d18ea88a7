import { expect, test } from 'vitest'
import { run, succeeds } from '../command.ts'

const node = (script: string) => [process.execPath, ['--eval', script]] as const

test('resolves with standard output; the log has both streams', async () => {
  let log = ''
  const output = await run(...node(`console.log('out'); console.error('err')`), {
    log: (text) => void (log += text),
  })
  expect(output).toBe('out\n')
  expect(log.split('\n').toSorted()).toEqual(['', 'err', 'out'])
})

test('a failure names the command and its end', async () => {
  await expect(run(...node('process.exit(3)'))).rejects.toThrow(/--eval process\.exit\(3\) ended with 3/)
  await expect(run('no-such-command', [])).rejects.toThrow('no-such-command')
  expect(await succeeds('no-such-command', [])).toBe(false)
})

test('a command that takes too long is ended', async () => {
  const since = performance.now()
  await expect(run(...node('setInterval(() => {}, 1000)'), { timeoutMs: 200 })).rejects.toThrow()
  expect(performance.now() - since).toBeLessThan(2_000)
})
