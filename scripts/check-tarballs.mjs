#!/usr/bin/env node
// What a user gets: all packages as tarballs in an empty project, with the oldest OpenTelemetry API that we support, each
// entry imported and required under the oldest and the newest Node.js line. Needs a build.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { otherNode } from './other-node.mjs'
import { pack, unpack } from './tarball.mjs'
import { root } from './toolchain.mjs'

const OLDEST_API = '1.9.1'

// One process for all entries, so that a second copy of core would show, too.
const probe = `
const { entries } = require('./entries.json')
const failures = []
const check = async (entry) => {
  const required = require(entry)
  const imported = await import(entry)
  const names = Object.keys(imported).filter((name) => name !== 'default' && name !== 'module.exports')
  if (names.length === 0) throw new Error('exports nothing')
  const other = names.filter((name) => required[name] !== imported[name])
  if (other.length > 0) throw new Error('import and require differ in ' + other.join(', '))
}
Promise.all(entries.map((entry) => check(entry).catch((error) => failures.push(entry + ': ' + error.message)))).then(() => {
  for (const failure of failures) console.error(process.version + ' ' + failure)
  if (failures.length === 0) console.log(process.version + ': ' + entries.length + ' entries imported and required')
  process.exitCode = failures.length === 0 ? 0 : 1
})
`

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'waybill-tarballs-'))
try {
  const project = path.join(folder, 'project')
  fs.mkdirSync(project)
  const packages = packAll(path.join(folder, 'packed'))
  if (packages.length === 0) throw new Error('no packages found')
  const entries = packages.flatMap(({ manifest }) =>
    Object.keys(manifest.exports)
      .filter((key) => key !== './package.json')
      .map((key) => path.posix.join(manifest.name, key)),
  )
  const dependencies = {
    ...Object.fromEntries(packages.map(({ manifest, tarball }) => [manifest.name, `file:${tarball}`])),
    '@opentelemetry/api': OLDEST_API,
  }
  fs.writeFileSync(path.join(project, 'package.json'), JSON.stringify({ private: true, dependencies }))
  fs.writeFileSync(path.join(project, 'entries.json'), JSON.stringify({ entries }))
  fs.writeFileSync(path.join(project, 'probe.cjs'), probe)
  install(project)
  const nodes = [otherNode(20), process.execPath].filter((node) => node !== undefined)
  const results = nodes.map(
    (node) => spawnSync(node, ['probe.cjs'], { cwd: project, stdio: 'inherit' }).status,
  )
  process.exitCode = results.every((status) => status === 0) ? 0 : 1
} finally {
  fs.rmSync(folder, { recursive: true, force: true })
}

/** @param {string} folder */
function packAll(folder) {
  const packages = path.join(root, 'packages')
  return fs
    .readdirSync(packages)
    .filter((name) => fs.existsSync(path.join(packages, name, 'package.json')))
    .map((name) => {
      const destination = path.join(folder, name)
      fs.mkdirSync(destination, { recursive: true })
      const tarball = pack(path.join(packages, name), destination)
      return { tarball, manifest: unpack(tarball, path.join(destination, 'unpacked')).manifest }
    })
}

/**
 * Without the peers, i.e. the clients: our packages must load where only one of them is installed.
 *
 * @param {string} project
 */
function install(project) {
  const options = ['--legacy-peer-deps', '--prefer-offline', '--no-audit', '--no-fund', '--ignore-scripts']
  const npm = spawnSync('npm', ['install', ...options, '--loglevel=error'], {
    cwd: project,
    stdio: 'inherit',
    shell: process.platform === 'win32',
  })
  if (npm.status !== 0) throw new Error('npm could not install the tarballs')
}
