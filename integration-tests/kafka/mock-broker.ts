import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'

/** librdkafka's mock cluster as a process: a broker that fails on command. */
export interface MockBroker {
  readonly url: string
  /** The next `count` requests of this API (0: Produce) fail with this error code of the protocol (6: not the leader). */
  readonly fail: (api: number, code: number, count: number) => Promise<void>
  /** From now on it offers only these versions of that API. */
  readonly offer: (api: number, min: number, max: number) => Promise<void>
  readonly stop: () => Promise<void>
}

/** Compiled against the librdkafka that Confluent's client has built; throws where there is none, or no compiler. */
export async function startMockBroker(): Promise<MockBroker> {
  const main = createRequire(import.meta.url).resolve('@confluentinc/kafka-javascript')
  const client = realpathSync(path.resolve(path.dirname(main), '..'))
  const folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-mock-'))
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const [library, program] = [path.join(client, 'build/deps'), path.join(folder, 'mock-broker')]
    const source = path.join(import.meta.dirname, 'mock-broker.c')
    const include = `-I${path.join(client, 'deps/librdkafka/src')}`
    const link = [`-L${library}`, '-l:librdkafka.so', `-Wl,-rpath,${library}`]
    execFileSync('cc', ['-o', program, include, source, ...link], { stdio: 'pipe' })
    const child = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    const exited = new Promise((resolve) => child.once('exit', resolve))
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
    const next = async (): Promise<string> => {
      const { value, done } = await lines.next()
      if (done === true) throw new Error('the mock broker has ended')
      return value
    }
    const tell = async (command: string): Promise<void> => {
      child.stdin.write(`${command}\n`)
      await next()
    }
    return {
      url: await next(),
      fail: (api, code, count) => tell(`fail ${api} ${code} ${count}`),
      offer: (api, min, max) => tell(`api ${api} ${min} ${max}`),
      stop: async () => {
        child.stdin.end()
        await exited
        remove()
      },
    }
  } catch (error) {
    remove()
    throw error
  }
}
