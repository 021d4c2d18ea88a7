import { type Broker, type BrokerName, type MissingBroker, type Origin, brokerNames } from './broker.ts'
import { isEnding } from './ending.ts'
import { untilReady } from './handshake/ready.ts'
import { remedy } from './missing.ts'
import { freePorts } from './ports.ts'
import type { Recipe } from './recipe/recipe.ts'
import { kafkaNode } from './recipe/kafka.ts'
import { recipes } from './recipe/recipes.ts'

export interface StartedBrokers {
  readonly brokers: Partial<Record<BrokerName, Broker>>
  readonly missing: readonly MissingBroker[]
  readonly stop: () => Promise<void>
}

export interface StartOptions {
  /** Gets one line per broker: name, version and how, or why it is missing. Default: standard output. */
  readonly report?: (line: string) => void
  /** How long a broker named by the environment may take to answer, in ms: it may be starting, too. Default: 5000. */
  readonly urlTimeoutMs?: number | undefined
}

/** Which broker is wanted, where it is not just any. */
export interface BrokerOptions extends Pick<StartOptions, 'urlTimeoutMs'> {
  /** One of its own, also where the environment names another: for what stops, cuts or fills it. Default: false. */
  readonly own?: boolean
}

/**
 * Starts them side by side. A broker that cannot be had is in `missing` with its reason, see `requireBrokers`.
 *
 * @example
 * const { brokers, stop } = await startBrokers(['redis', 'kafka'])
 */
export async function startBrokers(
  names: readonly BrokerName[] = brokerNames,
  { report = console.log, urlTimeoutMs }: StartOptions = {},
): Promise<StartedBrokers> {
  const brokers: Partial<Record<BrokerName, Broker>> = {}
  const missing: MissingBroker[] = []
  await Promise.all(
    Array.from(new Set(names), async (name) => {
      const since = performance.now()
      try {
        const broker = await startBroker(name, { urlTimeoutMs })
        brokers[name] = broker
        const seconds = ((performance.now() - since) / 1000).toFixed(1)
        report(`✔ ${name} ${broker.version}, ${origins[broker.how]} (${seconds} s)`)
      } catch (error) {
        const reason = (error as Error).message
        missing.push({ name, reason })
        report(`✖ ${name}: ${reason}`)
      }
    }),
  )
  let stopped: Promise<unknown> | undefined
  const stop = async () => {
    stopped ??= Promise.all(Object.values(brokers).map((broker) => broker.stop()))
    await stopped
  }
  return { brokers, missing, stop }
}

const origins: Record<Origin, string> = {
  url: 'given by URL',
  container: 'in a container',
  native: 'as a native process',
}

/**
 * The first that can be had of: the one named by the environment, a container, a native process.
 *
 * @throws with all the reasons and the remedy when there is none.
 */
export async function startBroker(
  name: BrokerName,
  { urlTimeoutMs = 5_000, own = false }: BrokerOptions = {},
): Promise<Broker> {
  const recipe = recipes[name]
  const given = own ? undefined : process.env[recipe.variable]
  if (given !== undefined && given !== '') return givenBroker(recipe, given, urlTimeoutMs)
  return startRecipe(recipe)
}

/**
 * Several Kafka nodes that are one cluster, always of their own: each is broker and controller, topics are replicated to
 * all of them, and each can be stopped by itself.
 *
 * @throws with all the reasons and the remedy when there are none.
 */
export async function startKafkaCluster(nodes = 3): Promise<readonly Broker[]> {
  const ports = await freePorts(2 * nodes)
  const controllers = ports.slice(nodes).map((port) => `127.0.0.1:${port}`)
  const starting = ports
    .slice(0, nodes)
    .map((port, i) => startRecipe(kafkaNode(`127.0.0.1:${port}`, { id: i + 1, controllers })))
  const started = await Promise.allSettled(starting)
  const failed = started.find((node) => node.status === 'rejected')
  const running = started.flatMap((node) => (node.status === 'fulfilled' ? [node.value] : []))
  if (failed === undefined) return running
  await Promise.all(running.map((node) => node.stop()))
  throw failed.reason as Error
}

async function startRecipe(recipe: Recipe): Promise<Broker> {
  const { name } = recipe
  const reasons: string[] = []
  for (const [how, start] of [
    ['container', startInContainer],
    ['native', startNatively],
  ] as const) {
    if (isEnding()) throw new Error('interrupted')
    try {
      return { name, how, ...(await start(recipe)) }
    } catch (error) {
      reasons.push((error as Error).message)
    }
  }
  throw new Error(`${reasons.join('; ')}. To have one: ${remedy(name, recipe.variable)}`)
}

/** A URL is an order: when nothing answers there, another broker in its place would only hide that. */
async function givenBroker(recipe: Recipe, url: string, timeoutMs: number): Promise<Broker> {
  try {
    const version = await untilReady(() => recipe.greet(url), { timeoutMs })
    return { name: recipe.name, url, version, how: 'url', stop: async () => {} }
  } catch (error) {
    throw new Error(`${recipe.variable} is set, but ${(error as Error).message}`, { cause: error })
  }
}

let docker: Promise<typeof import('./container.ts')> | undefined

async function startInContainer(recipe: Recipe) {
  // Loaded late, since Testcontainers is large; asked once, since the sweep must not run beside a start.
  docker ??= import('./container.ts').then(async (container) => {
    await container.prepareDocker()
    return container
  })
  return (await docker).startContainer(recipe)
}

function startNatively(recipe: Recipe) {
  return recipe.native()
}
