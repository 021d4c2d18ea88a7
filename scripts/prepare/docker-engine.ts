import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { findProgram } from '../../brokers/src/native/program.ts'
import { OWNER_LABEL, isDeadOwner } from '../../brokers/src/owner.ts'
import { run, succeeds } from '../command.ts'
import { step } from '../step.mjs'
import { canInstallPackages, installPackages } from './debian.ts'

export interface DockerEngine {
  /** Ends the engine if it was started here, else does nothing. */
  stop(): Promise<void>
}

/** The engine that answers, else one of our own where we may start it, else undefined after a line that says why. */
export async function dockerEngine(): Promise<DockerEngine | undefined> {
  if (await answers()) return { stop: async () => {} }
  const reason = whyNotOurs()
  if (reason !== undefined) {
    console.log(`– No Docker engine answers, and none can be started here: ${reason}`)
    return undefined
  }
  try {
    return await step('Docker engine', async (log) => {
      if (findProgram('dockerd') === undefined) {
        log.title('Docker engine from Debian packages')
        await installPackages(['docker.io'], log)
      }
      return startEngine()
    })
  } catch {
    return undefined
  }
}

function answers(): Promise<boolean> {
  return succeeds('docker', ['info'], { timeoutMs: 10_000 })
}

function whyNotOurs(): string | undefined {
  // Ours would listen on the default socket, where nobody would look.
  if (process.env['DOCKER_HOST']) return 'DOCKER_HOST is set; check it'
  if (process.platform !== 'linux')
    return 'start Docker Desktop, or give REDIS_URL, AMQP_URL and KAFKA_BROKERS'
  if (process.getuid?.() !== 0) {
    return 'not root; start Docker (and join the group docker), or give REDIS_URL, AMQP_URL and KAFKA_BROKERS'
  }
  if (findProgram('dockerd') === undefined && !canInstallPackages()) {
    return 'not Debian; install Docker, or give REDIS_URL, AMQP_URL and KAFKA_BROKERS'
  }
  return undefined
}

async function startEngine(): Promise<DockerEngine> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'waybill-dockerd-'))
  const logFile = path.join(folder, 'log')
  const output = fs.openSync(logFile, 'w')
  // In a session of its own: Ctrl-C must not end it before the containers are removed.
  const engine = spawn(findProgram('dockerd')!, [], { detached: true, stdio: ['ignore', output, output] })
  fs.closeSync(output)
  const stop = () => stopEngine(engine, folder)
  try {
    for (const deadline = Date.now() + 60_000; !(await answers()); await sleep(100)) {
      if (hasEnded(engine)) throw new Error('dockerd ended')
      if (Date.now() > deadline) throw new Error('dockerd does not answer')
    }
    return { stop }
  } catch (error) {
    const said = fs.readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
    await stop()
    throw new Error(`${(error as Error).message}; it said:\n${said}`, { cause: error })
  }
}

async function stopEngine(engine: ChildProcess, folder: string): Promise<void> {
  if (!hasEnded(engine)) {
    const others = await removeOurContainers()
    if (others > 0) {
      engine.unref()
      console.log(`– The Docker engine started here stays: ${others} containers of others run in it`)
      return
    }
    const ended = once(engine, 'exit')
    engine.kill('SIGTERM')
    const patience = setTimeout(() => engine.kill('SIGKILL'), 20_000)
    if (!hasEnded(engine)) await ended
    clearTimeout(patience)
  }
  fs.rmSync(folder, { recursive: true, force: true })
}

function hasEnded(engine: ChildProcess): boolean {
  return engine.exitCode !== null || engine.signalCode !== null
}

/** Brokers of dead processes. Returns how many other containers run: somebody else came to use this engine. */
async function removeOurContainers(): Promise<number> {
  const docker = (...args: string[]) => run('docker', args, { evenInterrupted: true, timeoutMs: 30_000 })
  try {
    const format = `{{.ID}} {{.State}} {{.Label "${OWNER_LABEL}"}}`
    const listed = (await docker('ps', '-a', '--no-trunc', '--format', format)).split('\n').filter(Boolean)
    const containers = listed.map((line) => line.split(' ') as [id: string, state: string, owner: string])
    const ours = containers.filter(([, , owner]) => isDeadOwner(owner))
    if (ours.length > 0) await docker('rm', '-f', '-v', ...ours.map(([id]) => id))
    return containers.filter((container) => !ours.includes(container) && container[1] === 'running').length
  } catch {
    return 0 // an engine that no longer answers is of no use to anybody
  }
}
