import { type SpawnOptions, spawn } from 'node:child_process'

export interface RunOptions {
  /** Gets everything the command prints. */
  readonly log?: (text: string) => void
  readonly env?: NodeJS.ProcessEnv
  readonly cwd?: string
  readonly timeoutMs?: number
  /** For cleaning up after an interruption. */
  readonly evenInterrupted?: boolean
}

const interruption = new AbortController()

/** Ends the commands that run and refuses new ones: the user has had enough. */
export function interruptCommands(): void {
  interruption.abort()
}

/** Resolves with standard output; rejects when the command fails, naming it. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { log = () => {}, env = process.env, cwd, timeoutMs, evenInterrupted = false } = options
  const signals = [
    ...(evenInterrupted ? [] : [interruption.signal]),
    ...(timeoutMs === undefined ? [] : [AbortSignal.timeout(timeoutMs)]),
  ]
  for (const signal of signals) signal.throwIfAborted()
  const spawnOptions: SpawnOptions = {
    env,
    cwd,
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any(signals),
    shell: process.platform === 'win32', // where pnpm and the like are .cmd files
  }
  return new Promise((resolve, reject) => {
    let output = ''
    const child = spawn(command, args, spawnOptions)
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      output += text
      log(text)
    })
    child.stderr!.setEncoding('utf8').on('data', log)
    child.on('error', (error) => reject(new Error(`${command}: ${error.message}`, { cause: error })))
    child.on('close', (code, signal) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${[command, ...args].join(' ').slice(0, 100)} ended with ${code ?? signal}`))
    })
  })
}

export async function succeeds(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<boolean> {
  try {
    await run(command, args, options)
    return true
  } catch {
    return false
  }
}
