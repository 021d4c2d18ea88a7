import { createHash } from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { run } from '../command.ts'
import { root } from '../toolchain.mjs'
import { isDebian } from './debian.ts'
import { kafkaJars } from './kafka-jars.ts'

type Log = (text: string) => void

const system = 'base-files dash bash coreutils grep sed mawk hostname libc-bin' // libc-bin: the locale that Redis needs
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

interface Image {
  readonly name: string
  /** Dockerfile instructions. */
  readonly changes: readonly string[]
}

/** One Debian release, and the images out of it. All share one layer. */
interface Base {
  readonly suite: string
  readonly packages: string
  readonly images: readonly Image[]
  readonly overlays?: readonly Overlay[]
  /** A suite in development may have moved on: without its images only a few tests are left out. */
  readonly inDevelopment?: boolean
}

/** An image with newer programs, from another suite, over the same system. */
interface Overlay {
  readonly name: string
  readonly over: string
  readonly suite: string
  readonly packages: readonly string[]
}

const rabbitmq = [
  'EXPOSE 5672',
  'ENV HOME=/var/lib/rabbitmq', // where rabbitmqctl, too, finds the Erlang cookie
  'ENV RABBITMQ_NODENAME=rabbit@localhost',
  'CMD ["rabbitmq-entrypoint"]',
]

const bases: readonly Base[] = [
  {
    suite: 'trixie', // Redis 8.0 and RabbitMQ 4.0
    packages: `${system} redis-server rabbitmq-server openjdk-21-jre-headless`,
    images: [
      {
        name: 'redis:8',
        changes: [
          'WORKDIR /data',
          'EXPOSE 6379',
          'CMD ["redis-server", "--bind", "0.0.0.0", "--protected-mode", "no", "--save", ""]',
        ],
      },
      { name: 'rabbitmq:4', changes: rabbitmq },
      { name: 'apache/kafka:4.3.0', changes: ['EXPOSE 9092', 'CMD ["kafka-entrypoint"]'] },
    ],
    overlays: [
      {
        name: 'redis:8.6', // XREADGROUP … CLAIM, XADD … IDMP
        over: 'redis:8',
        suite: 'experimental',
        packages: ['redis-server', 'redis-tools'],
      },
    ],
  },
  {
    suite: 'bookworm', // the oldest RabbitMQ that we claim
    packages: `${system} rabbitmq-server`,
    images: [{ name: 'rabbitmq:3.10', changes: rabbitmq }],
  },
  {
    suite: 'sid', // RabbitMQ 4.3: other counters, delayed retry
    packages: `${system} rabbitmq-server`,
    images: [{ name: 'rabbitmq:4.3', changes: rabbitmq }],
    inDevelopment: true,
  },
]

const RECIPE_LABEL = 'waybill.recipe'

/** True when the images were built by the very files that would build them now. */
export async function builtImagesAreHere(prefix: string): Promise<boolean> {
  try {
    const format = `{{index .Config.Labels "${RECIPE_LABEL}"}}`
    const names = bases.flatMap(({ images, overlays = [] }) =>
      [...images, ...overlays].map(({ name }) => `${prefix}/${name}`),
    )
    const labels = await run('docker', ['image', 'inspect', '--format', format, ...names])
    return labels
      .trim()
      .split('\n')
      .every((label) => label === recipeDigest())
  } catch {
    return false
  }
}

/** Images under the official names behind `prefix`, from Debian packages and Maven artifacts: no registry, no builder. */
export async function buildImages(prefix: string, log: Log): Promise<void> {
  if (!isDebian() && process.env['DEBIAN_MIRROR'] === undefined) {
    throw new Error(
      'the registry did not give them, and only Debian can build them; check the network and try again',
    )
  }
  const kafkaHome = kafkaJars()
  // Side by side, but whatever fails, no build outlives this call.
  const built = await Promise.allSettled(
    bases.map(async (base) => {
      const building = buildBase(base, kafkaHome, prefix, log)
      await (base.inDevelopment === true
        ? building.catch((error: Error) => log(`${base.suite}: ${error.message}\n`))
        : building)
    }),
  )
  const failed = built.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw failed.reason
}

async function buildBase(base: Base, kafkaHome: Promise<string>, prefix: string, log: Log): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'waybill-images-'))
  try {
    const fileSystem = path.join(folder, 'root')
    fs.mkdirSync(fileSystem)
    const script = path.join(root, 'scripts/images/debian-root.sh')
    const packages = base.packages.split(' ')
    const [home] = await Promise.all([
      kafkaHome,
      run('bash', [script, base.suite, fileSystem, ...packages], { log }),
    ])
    furnish(fileSystem)
    if (packages.some((name) => name.startsWith('openjdk'))) furnishKafka(fileSystem, home)
    await importImages(base, fileSystem, prefix, log)
    for (const overlay of base.overlays ?? []) {
      // A suite in development may have moved on: without this image only a few tests are left out.
      await layOver(overlay, path.join(folder, overlay.suite), prefix, log).catch((error: Error) => {
        log(`${overlay.name}: ${error.message}\n`)
      })
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true })
  }
}

/** What maintainer scripts would have done, and the entry points. */
function furnish(fileSystem: string): void {
  const at = (name: string) => path.join(fileSystem, name)
  fs.cpSync(path.join(root, 'scripts/images/overlay'), fileSystem, { recursive: true, force: true })
  for (const folder of [
    'data',
    'var/lib/rabbitmq',
    'var/log/rabbitmq',
    'etc/rabbitmq/conf.d',
    'tmp',
    'var/tmp',
  ]) {
    fs.mkdirSync(at(folder), { recursive: true })
  }
  for (const folder of ['tmp', 'var/tmp']) fs.chmodSync(at(folder), 0o1777)
  fs.rmSync(at('usr/bin/awk'), { force: true })
  fs.symlinkSync('mawk', at('usr/bin/awk'))
}

function furnishKafka(fileSystem: string, kafkaHome: string): void {
  const at = (name: string) => path.join(fileSystem, name)
  fs.cpSync(path.join(kafkaHome, 'libs'), at('opt/kafka/libs'), { recursive: true })
  const java = fs.globSync('usr/lib/jvm/java-*-openjdk-*/bin/java', { cwd: fileSystem })[0]
  if (java === undefined) throw new Error('the Java package has no bin/java')
  fs.rmSync(at('usr/bin/java'), { force: true })
  fs.symlinkSync(`/${java}`, at('usr/bin/java'))
}

async function importImages(
  { suite, images }: Base,
  fileSystem: string,
  prefix: string,
  log: Log,
): Promise<void> {
  const base = `${prefix}/brokers:${suite}`
  const changes = ['ENV LANG=C.UTF-8', `ENV PATH=${searchPath}`, `LABEL ${RECIPE_LABEL}=${recipeDigest()}`]
  await pipeline(
    ['tar', '-C', fileSystem, '--numeric-owner', '--owner=0', '--group=0', '-c', '.'],
    ['docker', 'import', ...changes.flatMap((change) => ['-c', change]), '-', base],
    log,
  )
  await Promise.all(
    images.map(async ({ name, changes }) => {
      const container = (await run('docker', ['create', base, '/bin/true'], { log })).trim()
      const options = changes.flatMap((change) => ['-c', change])
      await run('docker', ['commit', ...options, container, `${prefix}/${name}`], { log })
      await run('docker', ['rm', container], { log })
    }),
  )
}

async function layOver(overlay: Overlay, fileSystem: string, prefix: string, log: Log): Promise<void> {
  const { name, over, suite, packages } = overlay
  fs.mkdirSync(fileSystem)
  const script = path.join(root, 'scripts/images/debian-root.sh')
  await run('bash', [script, '--alone', suite, fileSystem, ...packages], { log })
  const container = (await run('docker', ['create', `${prefix}/${over}`], { log })).trim()
  // The links of the merged /usr are there already: only what is below them is laid over.
  await run('docker', ['cp', `${fileSystem}/usr/.`, `${container}:/usr`], { log })
  await run('docker', ['commit', container, `${prefix}/${name}`], { log })
  await run('docker', ['rm', container], { log })
}

/** The shell does the piping: half a gigabyte need not pass through this process. */
function pipeline(from: string[], to: string[], log: Log): Promise<string> {
  const quote = (words: string[]) => words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  return run('bash', ['-o', 'pipefail', '-c', `${quote(from)} | ${quote(to)}`], { log })
}

function recipeDigest(): string {
  const folder = path.join(root, 'scripts/images')
  const files = fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
  const inputs = [...files.map((file) => path.join(file.parentPath, file.name)), import.meta.filename].sort()
  const hash = createHash('sha256')
  for (const file of inputs) hash.update(fs.readFileSync(file))
  return hash.digest('hex').slice(0, 12)
}
