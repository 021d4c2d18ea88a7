import { type ChildProcess, spawn } from 'node:child_process'
import os from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'

const hasGroups = process.platform !== 'win32'

/**
 * A command and all that it starts, as a process group of its own: Ctrl-C in the terminal then reaches us alone, we hand
 * it on once, and can wait for the whole group. Package managers in between may die of a signal before their children
 * have cleaned up.
 */
export class ProcessGroup {
  readonly #child: ChildProcess
  /** The exit code of the command; 128 + number for a signal, as shells have it. */
  readonly exitCode: Promise<number>

  constructor(command: string, args: readonly string[], env: NodeJS.ProcessEnv) {
    this.#child = spawn(command, args, {
      env,
      detached: hasGroups,
      stdio: ['ignore', 'inherit', 'inherit'],
      shell: !hasGroups,
    })
    this.exitCode = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        console.error(`✖ ${command}: ${error.message}`)
        resolve(127)
      })
      this.#child.once('exit', (code, signal) =>
        resolve(signal === null ? (code ?? 1) : 128 + os.constants.signals[signal]),
      )
    })
  }

  send(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return
    try {
      if (hasGroups) process.kill(-this.#child.pid, signal)
      else this.#child.kill(signal)
    } catch {
      // nobody left
    }
  }

  /** Waits for the last member, and ends what is left after `patienceMs`. */
  async end(patienceMs: number): Promise<void> {
    if (!hasGroups || this.#child.pid === undefined) return
    for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await sleep(50)) {
      if (!this.#isPopulated()) return
    }
    this.send('SIGKILL')
  }

  #isPopulated(): boolean {
    try {
      process.kill(-this.#child.pid!, 0)
      return true
    } catch {
      return false
    }
  }
}
