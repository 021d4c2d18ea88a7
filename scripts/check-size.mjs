#!/usr/bin/env node
// What an application bundles of each library, minified and gzipped: its own code, and what it takes of core. More than the
// budget of either is a failure. usage: check-size.mjs (after the build)
import fs from 'node:fs'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { build } from 'vite'
import { root } from './toolchain.mjs'

/** In bytes. Readability comes first, but nobody is to pay for what was added unawares. */
const BUDGET = 10_240
/** What core knows of set-ups that break traces, and of what other vendors write, is for every package. */
const CORE_BUDGET = 11_264
/** Packages that are more than an adapter. */
const LARGER = new Map([['@waybill/redis-streams', 14_336]]) // a consumer with claims and dead letters

const packages = fs
  .readdirSync(path.join(root, 'packages'))
  .map((name) => path.join(root, 'packages', name))
  .map((folder) => ({
    folder,
    manifest: JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8')),
  }))
  // A command-line tool is loaded by nobody's service.
  .filter(({ manifest }) => manifest.bin === undefined)

const inKilobytes = (/** @type {number} */ bytes) => `${(bytes / 1024).toFixed(1)} kB`.padStart(8)
let over = 0
console.log(`${''.padEnd(36)} own code  of core`)
for (const { folder, manifest } of packages) {
  const entry = path.join(folder, manifest.exports['.'].default)
  const own = await sizeOf(entry, /^[./]/)
  const ofCore = (await sizeOf(entry, /^([./]|@waybill\/)/)) - own
  const budget = LARGER.get(manifest.name) ?? BUDGET
  const fits = own <= budget && ofCore <= CORE_BUDGET
  if (!fits) over++
  const verdict = (fits ? 'ok' : 'too large').padEnd(11)
  console.log(`${verdict}${manifest.name.padEnd(24)} ${inKilobytes(own)} ${inKilobytes(ofCore)}`)
}
if (over > 0) {
  console.error(
    `The budget is ${BUDGET / 1024} kB of own code, if nothing else is said here, and ${CORE_BUDGET / 1024} kB of core, minified and gzipped.`,
  )
  process.exitCode = 1
}

/**
 * @param {string} entry
 * @param {RegExp} bundled imports that are part of it
 */
async function sizeOf(entry, bundled) {
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    root,
    build: {
      write: false,
      minify: true,
      // Vite does not take the whitespace out of ES modules.
      lib: { entry, formats: ['cjs'] },
      rolldownOptions: {
        external: (/** @type {string} */ id) => !bundled.test(id) && !path.isAbsolute(id),
      },
    },
  })
  const outputs = /** @type {{ output: readonly { code?: string }[] }[]} */ ([result].flat())
  return gzipSync(outputs.flatMap(({ output }) => output.map(({ code = '' }) => code)).join('')).length
}
