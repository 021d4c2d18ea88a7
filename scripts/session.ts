// What runs between `npm test` and the tests: dependencies and brokers are made ready side by side, then `x:<name>` of
// the root package.json runs, and in the end whatever was started here is stopped. usage: session.ts <name> [args]
import os from 'node:os'
import { interruptCommands, run } from './command.ts'
import { whenParentIsGone } from './parent.mjs'
import { type PreparedBrokers, prepareBrokers } from './prepare/brokers.ts'
import { confluentClient } from './prepare/confluent-client.ts'
import { ProcessGroup } from './process-group.ts'
import { step } from './step.mjs'
import { root } from './toolchain.mjs'

const [name = 'test', ...args] = process.argv.slice(2)

/** Time for tests and examples to stop their brokers. */
const PATIENCE_MS = 20_000
/** The terminal, npm and our parent may all hand on the same Ctrl-C; a later one is another. */
const SAME_SIGNAL_MS = 1_000

let group: ProcessGroup | undefined
let interrupted: { signal: NodeJS.Signals; at: number } | undefined

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupt(signal))
whenParentIsGone(() => interrupt('SIGTERM'))

function interrupt(signal: NodeJS.Signals): void {
  if (interrupted === undefined) {
    interrupted = { signal, at: Date.now() }
    interruptCommands()
    group?.send(signal)
  } else if (Date.now() - interrupted.at > SAME_SIGNAL_MS) {
    group?.send('SIGKILL')
  }
}

let brokers: PreparedBrokers | undefined
try {
  const [dependencies, prepared] = await Promise.allSettled([
    installDependencies().then(prepareClients),
    prepareBrokers(process.env),
  ])
  if (prepared.status === 'fulfilled') brokers = prepared.value
  if (dependencies.status === 'fulfilled' && brokers !== undefined && interrupted === undefined) {
    group = new ProcessGroup('pnpm', ['--silent', 'run', `x:${name}`, ...args], {
      ...process.env,
      ...brokers.env,
    })
    process.exitCode = await group.exitCode
    await group.end(PATIENCE_MS)
  } else {
    process.exitCode = 1
  }
} finally {
  await brokers?.close()
  if (interrupted !== undefined) process.exitCode = 128 + os.constants.signals[interrupted.signal]
}

/** A client that is not from npm alone: only the tests need it, and of those only Kafka's. */
async function prepareClients(): Promise<void> {
  const words = args.filter((arg) => !arg.startsWith('-'))
  if (name === 'test' && (words.length === 0 || words.some((word) => word.includes('kafka'))))
    await confluentClient()
}

async function installDependencies(): Promise<void> {
  await step('Dependencies', async (log) => {
    const options = ['--frozen-lockfile', '--prefer-offline', '--reporter=append-only']
    await run('pnpm', ['install', ...options], { log, cwd: root })
  })
}
