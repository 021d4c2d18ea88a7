#!/usr/bin/env node
// Checks the tarball that would be published of the package in the current folder, not the folder.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { tarballFaults } from './tarball-faults.mjs'
import { pack, unpack } from './tarball.mjs'
import { root } from './toolchain.mjs'

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'waybill-package-'))
try {
  const tarball = pack(process.cwd(), folder)
  const { files, manifest } = unpack(tarball, path.join(folder, 'unpacked'))
  const faults = tarballFaults(files, manifest)
  for (const fault of faults) console.error(`${manifest.name}: ${fault}`)
  const publint = tool('publint', ['run', tarball, '--strict'])
  const attw = tool('attw', [tarball, '--profile', 'esm-only', '--no-emoji'])
  process.exitCode = faults.length === 0 && publint && attw ? 0 : 1
} finally {
  fs.rmSync(folder, { recursive: true, force: true })
}

/** @param {string} name @param {string[]} args */
function tool(name, args) {
  const file = path.join(root, 'node_modules', '.bin', name)
  return spawnSync(file, args, { stdio: 'inherit', shell: process.platform === 'win32' }).status === 0
}
