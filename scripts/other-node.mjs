import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { toolchainFolder } from './toolchain.mjs'

/** What is fetched for a line: its npm packages have no install scripts. Both have require(esm). */
const VERSIONS = { 20: '20.20.2', 22: '22.23.3' }
const OLDEST_MINOR = { 20: 19, 22: 12 }
const isWindows = process.platform === 'win32'

/**
 * A Node.js of another line that we support, 20 being the oldest: one on PATH, else one from npm, kept beside the toolchain.
 * Undefined, with a line that says so, where there is none to be had.
 *
 * @param {20 | 22} line
 * @returns {string | undefined}
 */
export function otherNode(line) {
  const onPath = (process.env['PATH'] ?? '')
    .split(path.delimiter)
    .map((folder) => path.join(folder, executable))
  return onPath.find((file) => isOf(line, file)) ?? fromNpm(line)
}

const executable = isWindows ? 'node.exe' : 'node'

/** @param {20 | 22} line @param {string} file */
function isOf(line, file) {
  if (!fs.existsSync(file)) return false
  try {
    const version = execFileSync(file, ['--version'], { encoding: 'utf8' })
    const [, major, minor] = version.match(/^v(\d+)\.(\d+)/) ?? []
    return Number(major) === line && Number(minor) >= OLDEST_MINOR[line]
  } catch {
    return false
  }
}

/** @param {20 | 22} line */
function fromNpm(line) {
  const version = VERSIONS[line]
  const name = `node-${isWindows ? 'win' : process.platform}-${process.arch}`
  const folder = path.join(toolchainFolder, `node-${line}`)
  const file = path.join(folder, 'node_modules', name, 'bin', executable)
  if (isOf(line, file)) return file
  fs.mkdirSync(folder, { recursive: true })
  fs.writeFileSync(path.join(folder, 'package.json'), '{"private":true}\n')
  const options = ['--no-save', '--no-package-lock', '--no-audit', '--no-fund', '--ignore-scripts', '--force']
  spawnSync('npm', ['install', '--prefix', folder, ...options, `${name}@${version}`], {
    shell: isWindows,
    cwd: folder,
  })
  if (isOf(line, file)) return file
  console.log(
    `Node.js ${version} is not to be had for this platform (${name}): checked under ${process.version} only`,
  )
  return undefined
}
