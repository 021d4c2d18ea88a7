#!/usr/bin/env node
// `npm test`, `npm run demo`, `npm run bench`: whatever this machine lacks for them is fetched first. Plain JavaScript
// without dependencies, since it starts on any Node.js from 18 on; the rest runs on the Node.js that it finds or fetches.
import { spawn } from 'node:child_process'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { whenParentIsGone } from './parent.mjs'
import { toolchain } from './toolchain.mjs'

const session = path.join(path.dirname(fileURLToPath(import.meta.url)), 'session.ts')
const [name = 'test', ...args] = process.argv.slice(2)

const { env, node } = await toolchain()
const child = spawn(node, ['--disable-warning=ExperimentalWarning', session, name, ...args], {
  env,
  stdio: 'inherit',
})

// Ctrl-C reaches the session, too. It has brokers to stop, so we outlive it whatever comes.
for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
  process.on(signal, () => child.kill(signal))
}
// By hand and in the background, outliving the shell may be the intention.
if (process.env['npm_lifecycle_event'] !== undefined) whenParentIsGone(() => child.kill('SIGTERM'))
child.on('error', (error) => {
  console.error(`✖ ${node}: ${error.message}`)
  process.exitCode = 1
})
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]
})
