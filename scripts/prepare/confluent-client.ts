import fs from 'node:fs'
import path from 'node:path'
import { findProgram } from '../../brokers/src/native/program.ts'
import { run, succeeds } from '../command.ts'
import { step } from '../step.mjs'
import { root } from '../toolchain.mjs'
import { canInstallPackages, installPackages } from './debian.ts'

const folder = path.join(root, 'integration-tests/kafka/node_modules/@confluentinc/kafka-javascript')
const programs = ['g++', 'make', 'python3']
const packages = [
  'build-essential',
  'python3',
  'libssl-dev',
  'zlib1g-dev',
  'libzstd-dev',
  'libcurl4-openssl-dev',
  'liblz4-dev',
]

/**
 * The native part of Confluent's Kafka client, for its tests: fetched where its maker's downloads are within reach, else
 * built, once per checkout. What cannot be had is said, not thrown: its tests are then skipped, and say so too.
 */
export async function confluentClient(): Promise<void> {
  if (!fs.existsSync(folder) || (await loads())) return
  try {
    await step("Confluent's Kafka client, fetched or else built", async (log) => {
      if (canInstallPackages()) await installPackages(packages, log)
      try {
        await install(log)
      } catch (error) {
        const missing = programs.filter((program) => findProgram(program) === undefined)
        throw missing.length === 0 ? error : new Error(`not to be built without ${missing.join(', ')}`)
      }
      if (!(await loads())) throw new Error('Node.js cannot load it')
    })
  } catch {
    console.log("– The tests of Confluent's Kafka client are skipped")
  }
}

function loads(): Promise<boolean> {
  return succeeds(process.execPath, ['-e', `require(${JSON.stringify(folder)})`])
}

/** Its own install script, with what pnpm's layout and a Node.js from npm do not offer by themselves. */
async function install(log: (text: string) => void): Promise<void> {
  const real = fs.realpathSync(folder)
  const preGyp = path.join(real, '../../@mapbox/node-pre-gyp/bin')
  const node = path.dirname(path.dirname(process.execPath))
  const pathKey = Object.keys(process.env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  await run('npm', ['run', 'install'], {
    log,
    cwd: real,
    timeoutMs: 600_000,
    env: {
      ...process.env,
      [pathKey]: [path.dirname(process.execPath), preGyp, process.env[pathKey]].join(path.delimiter),
      // With the system's libraries: the default is to download the sources of all of them.
      CKJS_LINKING: 'dynamic',
      ...(fs.existsSync(path.join(node, 'include/node/node.h')) && { npm_config_nodedir: node }),
    },
  })
}
