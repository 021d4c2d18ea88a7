#!/usr/bin/env node
// Fails when pnpm-lock.yaml lacks the binaries of a desktop or CI platform for any package that ships one binary per
// platform (turbo, oxlint, rolldown, typescript, ...). pnpm drops platform packages that the registry does not have (yet)
// without a word, and a frozen install then gives those users a tool without its binary.
// usage: check-lockfile.mjs [pnpm-lock.yaml]
import fs from 'node:fs'
import path from 'node:path'
import { root } from './toolchain.mjs'
import { platformGaps } from './platform-gaps.mjs'

const file = process.argv[2] ?? path.join(root, 'pnpm-lock.yaml')
const packages = platformGaps(fs.readFileSync(file, 'utf8'))
for (const { name, missing } of packages) {
  console.log(missing.length === 0 ? `ok         ${name}` : `INCOMPLETE ${name}: no ${missing.join(', ')}`)
}
if (packages.length === 0)
  console.error('No package with binaries per platform: has the lockfile format changed?')
process.exitCode = packages.length > 0 && packages.every(({ missing }) => missing.length === 0) ? 0 : 1
