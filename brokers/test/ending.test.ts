import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, onTestFinished, test } from 'vitest'

const ending = new URL('../src/ending.ts', import.meta.url)

/** A process with one perishable thing that says what becomes of it. */
function processThat(does: string): ChildProcess {
  const program = `
    import { endWithProcess } from ${JSON.stringify(ending.href)}
    const release = endWithProcess({
      async stop() { console.log('stop'); await new Promise((done) => setTimeout(done, 50)); console.log('stopped'); release() },
      kill() { console.log('killed') },
    })
    const waiting = setInterval(() => {}, 1000)
    ${does}
    console.log('ready')`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    cwd: import.meta.dirname, // where Testcontainers is found
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function fateOf(child: ChildProcess, signals: NodeJS.Signals[] = []) {
  let output = ''
  child.stdout!.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (/(ready|stop)\n$/.test(output) && signals.length > 0) child.kill(signals.shift())
  })
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { said: output.trim().split('\n'), end: signal ?? code }
}

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
  '%s ends what must not stay, and then the process',
  async (signal) => {
    expect(await fateOf(processThat(''), [signal])).toEqual({
      said: ['ready', 'stop', 'stopped'],
      end: signal,
    })
  },
)

test('a signal that comes twice does not cut the end short', async () => {
  const fate = await fateOf(processThat(''), ['SIGINT', 'SIGINT'])
  expect(fate).toEqual({ said: ['ready', 'stop', 'stopped'], end: 'SIGINT' })
})

test('somebody else who listens to the signal decides when to end', async () => {
  const child = processThat(
    `process.on('SIGINT', () => (console.log('asked'), setTimeout(() => process.exit(7), 300)))`,
  )
  expect((await fateOf(child, ['SIGINT'])).said.toSorted()).toEqual(['asked', 'ready', 'stop', 'stopped'])
  expect(child.exitCode).toBe(7)
})

test('a listener that only watches for the end (signal-exit) does not keep the process', async () => {
  // Testcontainers brings version 3 along; it steps back while somebody else listens, i.e. while we stop.
  const child = processThat(
    `await import('testcontainers'); if (process.listenerCount('SIGINT') < 2) process.exit(9)`,
  )
  expect(await fateOf(child, ['SIGINT'])).toEqual({ said: ['ready', 'stop', 'stopped'], end: 'SIGINT' })
})

test('at a sudden exit there is time for the synchronous end only', async () => {
  expect(await fateOf(processThat('setTimeout(() => process.exit(3), 20)'))).toEqual({
    said: ['ready', 'killed'],
    end: 3,
  })
})

test('what was released is left alone, and no handler stays', async () => {
  const fate = await fateOf(processThat(`release(); console.log(process.listenerCount('SIGTERM'))`), [
    'SIGTERM',
  ])
  expect(fate).toEqual({ said: ['0', 'ready'], end: 'SIGTERM' })
})
