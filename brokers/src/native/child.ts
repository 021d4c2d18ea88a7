import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import fs from 'node:fs/promises'
import os from 'node:os'
import path from 'node:path'
import { endWithProcess } from '../ending.ts'
import { untilReady } from '../handshake/ready.ts'
import { findProgram } from './program.ts'

export interface NativeBroker {
  readonly url: string
  readonly version: string
  /** Ends the program and starts it again on the same folder. */
  restart(): Promise<void>
  stop(): Promise<void>
}

export interface ChildRecipe {
  readonly url: string
  readonly program: string
  readonly args: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Whom to run as, where that is not the user of this process. */
  readonly uid?: number
  readonly gid?: number
  /** The broker's own folder; removed with it. */
  readonly folder: string
  greet(url: string): Promise<string>
  readonly timeoutMs: number
  /** Ends what the broker leaves behind. Synchronous, since it runs in an exit handler, too. */
  afterwards?(): void
}

export function brokerFolder(name: string): Promise<string> {
  return fs.mkdtemp(path.join(os.tmpdir(), `waybill-${name}-`))
}

/** Starts the program and waits until the broker answers. Nothing is left behind when that fails. */
export async function startChild(recipe: ChildRecipe): Promise<NativeBroker> {
  let running = run(recipe)
  const clear = () => {
    recipe.afterwards?.()
    rmSync(recipe.folder, { recursive: true, force: true })
  }
  const end = async () => {
    await running.end()
    clear()
    release()
  }
  let ended: Promise<void> | undefined
  const stop = () => (ended ??= end())
  const kill = () => {
    running.kill()
    clear()
  }
  const release = endWithProcess({ stop, kill })

  try {
    const version = await running.ready()
    const restart = async () => {
      await running.end()
      running = run(recipe)
      await running.ready()
    }
    return { url: recipe.url, version, restart, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

interface Running {
  /** Resolves with the version; rejects, with the program's last words, when it ends or does not answer in time. */
  ready(): Promise<string>
  end(): Promise<void>
  kill(): void
}

function run(recipe: ChildRecipe): Running {
  const child = spawnMortal(recipe)
  const output = keepTail(child)
  const exited = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
    child.once('error', () => resolve())
  })
  const isGone = () => child.pid === undefined || child.exitCode !== null || child.signalCode !== null
  const alive = () => {
    if (isGone())
      throw new Error(`${recipe.program} ended (${child.exitCode ?? child.signalCode ?? 'not started'})`)
  }
  return {
    async ready() {
      try {
        return await untilReady(() => recipe.greet(recipe.url), { timeoutMs: recipe.timeoutMs, alive })
      } catch (error) {
        const { message } = error as Error
        const said = output().trim()
        throw new Error(said === '' ? message : `${message}; it said:\n${said}`, { cause: error })
      }
    },
    async end() {
      child.kill('SIGTERM')
      const patience = setTimeout(() => child.kill('SIGKILL'), 10_000)
      if (!isGone()) await exited
      clearTimeout(patience)
    },
    kill: () => void child.kill('SIGKILL'),
  }
}

/** On Linux the kernel ends the child when this process dies, even of SIGKILL. */
function spawnMortal({ program, args, env, uid, gid }: ChildRecipe): ChildProcess {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : undefined
  const [command, ...rest] =
    setpriv === undefined ? [program, ...args] : [setpriv, '--pdeathsig', 'KILL', '--', program, ...args]
  return spawn(command!, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(env && { env }),
    ...(uid !== undefined && { uid }),
    ...(gid !== undefined && { gid }),
  })
}

/** Reads all the time: a full pipe would block the broker. */
function keepTail(child: ChildProcess): () => string {
  let tail = ''
  const keep = (chunk: Buffer) => {
    tail = (tail + chunk.toString()).slice(-2000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return () => tail
}
