import { spawnSync } from 'node:child_process'
import {
  type BoundPorts,
  GenericContainer,
  getContainerRuntimeClient,
  type WaitStrategy,
} from 'testcontainers'
import { endWithProcess } from './ending.ts'
import { untilReady } from './handshake/ready.ts'
import { OWNER_LABEL, isDeadOwner, ownerOf } from './owner.ts'
import { freePorts } from './ports.ts'
import type { Recipe } from './recipe/recipe.ts'

type Runtime = Awaited<ReturnType<typeof getContainerRuntimeClient>>
type RawContainer = ReturnType<Runtime['container']['getById']>

const STARTUP_MS = 120_000

export interface BrokerContainer {
  readonly url: string
  readonly version: string
  restart(): Promise<void>
  stop(): Promise<void>
}

/** Resolves when a Docker engine answers, after removing what dead processes of this machine have left in it. */
export async function prepareDocker(): Promise<void> {
  const runtime = await getContainerRuntimeClient()
  const labelled = await runtime.container.dockerode.listContainers({
    all: true,
    filters: { label: [OWNER_LABEL] },
  })
  const left = labelled.filter((container) => isDeadOwner(container.Labels[OWNER_LABEL] ?? ''))
  await Promise.allSettled(left.map((container) => remove(runtime.container.getById(container.Id))))
}

export async function startContainer(recipe: Recipe): Promise<BrokerContainer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await startOn(recipe, await freePorts(1 + (recipe.container.morePorts ?? 0)))
    } catch (error) {
      // Between our finding a free port and Docker's taking it, somebody else may have.
      if (attempt === 3 || !/port is already allocated|address already in use/i.test(String(error)))
        throw error
    }
  }
}

async function startOn(recipe: Recipe, ports: readonly number[]): Promise<BrokerContainer> {
  const runtime = await getContainerRuntimeClient()
  const host = loopback(runtime.info.containerRuntime.host)
  const [port = 0, ...more] = ports
  const { image, port: inside = port, onHostNetwork = false, files = [] } = recipe.container
  const url = recipe.container.url(host, port, ...more)
  let version = 'unknown'
  let stop: () => Promise<void> = async () => {}
  let restart: () => Promise<void> = async () => {}

  const ready = (raw: RawContainer): Promise<string> =>
    untilReady(() => recipe.greet(url), { timeoutMs: STARTUP_MS, alive: () => assertRunning(raw) })

  const container = new FixedPortContainer(image)
  if (onHostNetwork) container.withNetworkMode('host')
  else
    container.withFixedPorts(
      [[inside, port], ...more.map((one) => [one, one] as const)],
      host === '127.0.0.1',
    )
  container
    .withLabels({ [OWNER_LABEL]: ownerOf() })
    .withEnvironment(recipe.container.environment?.(host, port) ?? {})
    .withStartupTimeout(STARTUP_MS)
    .withWaitStrategy(
      new HandshakeWait(async (raw) => {
        version = await ready(raw)
      }),
    )
    .onCreated((id) => {
      const raw = runtime.container.getById(id)
      restart = async () => {
        await raw.restart({ t: 10 })
        await ready(raw)
      }
      let removed: Promise<void> | undefined
      stop = () => (removed ??= remove(raw).finally(() => release()))
      const release = endWithProcess({ stop, kill: () => removeNow(id) })
    })
  const command = recipe.container.command?.(ports)
  if (command !== undefined) container.withCommand(command)
  if (files.length > 0) container.withCopyContentToContainer(files.map((file) => ({ ...file, mode: 0o644 })))
  try {
    await container.start()
  } catch (error) {
    await stop()
    throw error
  }
  return { url, version, restart: () => restart(), stop: () => stop() }
}

/** 127.0.0.1 rather than localhost, which may mean ::1, where nothing listens. */
function loopback(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host
}

class FixedPortContainer extends GenericContainer {
  #created: (id: string) => void = () => {}

  /** A port that Docker chooses would change with each restart of the broker. */
  withFixedPorts(ports: readonly (readonly [container: number, host: number])[], onLoopback: boolean): this {
    this.withExposedPorts(...ports.map(([container, host]) => ({ container, host })))
    if (onLoopback) {
      this.hostConfig.PortBindings = Object.fromEntries(
        ports.map(([container, host]) => [
          `${container}/tcp`,
          [{ HostIp: '127.0.0.1', HostPort: String(host) }],
        ]),
      )
    }
    return this
  }

  /** Called before the container runs, so that an interrupted start can be undone. */
  onCreated(created: (id: string) => void): this {
    this.#created = created
    return this
  }

  protected override async containerCreated(id: string): Promise<void> {
    this.#created(id)
  }
}

/** Asks the protocol, not the log: RabbitMQ's lines depend on how its image logs. */
class HandshakeWait implements WaitStrategy {
  readonly #ready: (container: RawContainer) => Promise<void>

  constructor(ready: (container: RawContainer) => Promise<void>) {
    this.#ready = ready
  }
  waitUntilReady(container: RawContainer, _ports: BoundPorts): Promise<void> {
    return this.#ready(container)
  }
  withStartupTimeout(): this {
    return this
  }
  isStartupTimeoutSet(): boolean {
    return true
  }
  getStartupTimeout(): number {
    return STARTUP_MS
  }
}

async function assertRunning(container: RawContainer): Promise<void> {
  const { State } = await container.inspect()
  if (State.Running) return
  const log = await container.logs({ stdout: true, stderr: true, tail: 20 })
  // eslint-disable-next-line no-control-regex -- each line comes with a binary header of eight bytes
  const said = log.toString('utf8').replace(/[\x00-\x08\x0b-\x1f]/g, '')
  throw new Error(`the container ended (${State.ExitCode}); it said:\n${said}`)
}

async function remove(container: RawContainer): Promise<void> {
  try {
    await container.remove({ force: true, v: true })
  } catch (error) {
    const status = (error as { statusCode?: number }).statusCode
    if (status !== 404 && status !== 409) throw error // 409: already being removed
  }
}

/** In an exit handler nothing asynchronous runs any more. Where there is no docker command, the next sweep does it. */
function removeNow(id: string): void {
  spawnSync('docker', ['rm', '-f', '-v', id], { stdio: 'ignore', timeout: 10_000 })
}
