import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { toolchainFolder } from './toolchain.mjs'

const VERSION = '20.20.2'
const isWindows = process.platform === 'win32'

/**
 * A Node.js of the oldest line that we support, one that has require(esm): one on PATH, else one from npm. Undefined, with
 * a line that says so, where there is none for this platform.
 *
 * @returns {string | undefined}
 */
export function oldestNode() {
  const onPath = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, executable))
  return onPath.find(isOldest) ?? fromNpm()
}

const executable = isWindows ? 'node.exe' : 'node'

/** @param {string} file */
function isOldest(file) {
  if (!fs.existsSync(file)) return false
  try {
    const version = execFileSync(file, ['--version'], { encoding: 'utf8' })
    const [, major, minor] = version.match(/^v(\d+)\.(\d+)/) ?? []
    return major === '20' && Number(minor) >= 19
  } catch {
    return false
  }
}

function fromNpm() {
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`
  const folder = path.join(toolchainFolder, 'node-20')
  const file = path.join(folder, 'node_modules', name, 'bin', executable)
  if (isOldest(file)) return file
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n')
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--force']
  spawnSync('npm', ['install', '--prefix', folder, ...options, `${name}@${VERSION}`], {
    shell: isWindows,
    cwd: folder,
  })
  if (isOldest(file)) return file
  console.log(
    `Node.js ${VERSION} is not to be had for this platform (${name}): checked under ${process.version} only`,
  )
  return undefined
}
