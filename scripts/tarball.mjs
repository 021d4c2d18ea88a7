import { execFileSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/**
 * Packs a workspace package as it would be published.
 *
 * @param {string} packageFolder
 * @param {string} destination
 * @returns {string} the path of the tarball
 */
export function pack(packageFolder, destination) {
  const before = new Set(fs.readdirSync(destination))
  execFileSync('pnpm', ['pack', '--pack-destination', destination], {
    cwd: packageFolder,
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: process.platform === 'win32',
  })
  const [tarball] = fs.readdirSync(destination).filter((name) => name.endsWith('.tgz') && !before.has(name))
  if (tarball === undefined) throw new Error(`pnpm pack left no tarball of ${packageFolder}`)
  return path.join(destination, tarball)
}

/**
 * @param {string} tarball
 * @param {string} destination an empty folder
 * @returns {{ files: string[], manifest: Manifest }} paths as in the package, with forward slashes
 */
export function unpack(tarball, destination) {
  fs.mkdirSync(destination, { recursive: true })
  execFileSync('tar', ['-xzf', tarball, '-C', destination])
  const root = path.join(destination, 'package')
  const files = fs
    .readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(root, path.join(entry.parentPath, entry.name)).split(path.sep).join('/'))
  return { files, manifest: JSON.parse(fs.readFileSync(path.join(root, 'package.json'), 'utf8')) }
}

/**
 * @typedef {object} Manifest
 * @property {string} name
 * @property {Record<string, unknown>} exports
 */
