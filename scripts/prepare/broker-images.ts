import { recipes } from '../../brokers/src/recipe/recipes.ts'
import { run, succeeds } from '../command.ts'
import { step } from '../step.mjs'
import { buildImages, builtImagesAreHere } from './image-build.ts'

/** Our images answer to the official names behind this prefix, which Testcontainers puts in front of each name. */
const PREFIX = 'local'

const officialNames = Object.values(recipes).map((recipe) => recipe.container.image)

/** Has an image of each broker in the engine; resolves with the environment in which Testcontainers finds them. */
export async function brokerImages(): Promise<NodeJS.ProcessEnv> {
  if (await areHere(officialNames)) return {}
  // Testcontainers' cleaner (Ryuk) is one more image that only a registry has; our labels and sweep do its work.
  const local = { TESTCONTAINERS_HUB_IMAGE_NAME_PREFIX: PREFIX, TESTCONTAINERS_RYUK_DISABLED: 'true' }
  if (await builtImagesAreHere(PREFIX)) return local
  return step('Broker images', async (log) => {
    if (await canPull(log)) {
      log.title('Broker images from the registry')
      return {}
    }
    log.title('Broker images from Debian packages')
    await buildImages(PREFIX, log)
    return local
  })
}

function areHere(images: readonly string[]): Promise<boolean> {
  return succeeds('docker', ['image', 'inspect', ...images])
}

/** One image first: where there is no registry, that is enough to know. */
async function canPull(log: (text: string) => void): Promise<boolean> {
  const [first, ...rest] = officialNames
  const pull = (image: string) => run('docker', ['pull', '--quiet', image], { log, timeoutMs: 600_000 })
  try {
    await pull(first!)
    await Promise.all(rest.map(pull))
    return true
  } catch (error) {
    log(`${(error as Error).message}\n`)
    return false
  }
}
