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
/** Of core, the one that takes all of it: batches, lag and the client's events too. */
const MORE_OF_CORE = new Map([['@waybill/kafka', 11_264]])
/** What is more than an adapter, in which package: whoever does not import it does not bundle it. It has a budget of its own. */
const BESIDES = new Map([['@waybill/redis-streams', 'createConsumer']]) // with claims and dead letters

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
  const besides = BESIDES.get(manifest.name)
  const names = Object.keys(await import(entry)).filter((name) => name !== besides)
  const own = await sizeOf(entry, names, /^[./]/)
  const ofCore = (await sizeOf(entry, names, /^([./]|@waybill\/)/)) - own
  report(manifest.name, own, ofCore)
  if (besides !== undefined) report(`  ${besides} alone`, await sizeOf(entry, [besides], /^[./]/), 0)
}
if (over > 0) {
  console.error(
    `The budget is ${BUDGET / 1024} kB of either, minified and gzipped, if nothing else is said here.`,
  )
  process.exitCode = 1
}

/** @type {(what: string, own: number, ofCore: number) => void} */
function report(what, own, ofCore) {
  const fits = own <= BUDGET && ofCore <= (MORE_OF_CORE.get(what) ?? BUDGET)
  if (!fits) over++
  const core = ofCore === 0 ? '' : inKilobytes(ofCore)
  console.log(
    `${(fits ? 'ok' : 'too large').padEnd(11)}${what.padEnd(24)} ${inKilobytes(own)} ${core}`.trimEnd(),
  )
}

/**
 * @param {string} entry
 * @param {readonly string[]} names what is imported of it
 * @param {RegExp} bundled imports that are part of it
 */
async function sizeOf(entry, names, bundled) {
  const importer = 'virtual:importer'
  const result = await build({
    configFile: false,
    logLevel: 'silent',
    root,
    plugins: [
      {
        name: 'importer',
        resolveId: (/** @type {string} */ id) => (id.endsWith(importer) ? importer : undefined),
        load: (/** @type {string} */ id) =>
          id === importer ? `export { ${names.join(', ')} } from ${JSON.stringify(entry)}` : undefined,
      },
    ],
    build: {
      write: false,
      minify: true,
      // Vite does not take the whitespace out of ES modules.
      lib: { entry: importer, formats: ['cjs'] },
      rolldownOptions: {
        external: (/** @type {string} */ id) =>
          !id.endsWith(importer) && !bundled.test(id) && !path.isAbsolute(id),
      },
    },
  })
  const outputs = /** @type {{ output: readonly { code?: string }[] }[]} */ ([result].flat())
  return gzipSync(outputs.flatMap(({ output }) => output.map(({ code = '' }) => code)).join('')).length
}
