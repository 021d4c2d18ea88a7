import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { platformGaps } from '../platform-gaps.mjs'

const lockfile = (...snapshots: string[]) => `lockfileVersion: '9.0'

packages:

  turbo@2.0.0:
    optionalDependencies:
      turbo-linux-64: 1.0.0

snapshots:

${snapshots.join('\n')}`

const turbo = `  turbo@2.0.0:
    optionalDependencies:
      turbo-darwin-64: 2.0.0
      turbo-darwin-arm64: 2.0.0
      turbo-linux-64: 2.0.0
      turbo-linux-arm64: 2.0.0
      turbo-windows-64: 2.0.0
`
const rolldown = `  rolldown@1.0.0(supports-color@9.0.0):
    dependencies:
      '@oxc-project/types': 0.1.0
    optionalDependencies:
      '@rolldown/binding-darwin-arm64': 1.0.0
      '@rolldown/binding-linux-x64-gnu': 1.0.0
      '@rolldown/binding-win32-x64-msvc': 1.0.0
`
const chokidar = `  chokidar@3.0.0:
    optionalDependencies:
      fsevents: 2.0.0
`

test('a package with binaries for all platforms has no gap', () => {
  expect(platformGaps(lockfile(turbo, chokidar))).toEqual([{ name: 'turbo@2.0.0', missing: [] }])
})

test('each missing platform is named', () => {
  expect(platformGaps(lockfile(rolldown, turbo))).toEqual([
    { name: 'rolldown@1.0.0', missing: ['macOS x64', 'Linux arm64'] },
    { name: 'turbo@2.0.0', missing: [] },
  ])
})

test('line ends of Windows make no difference', () => {
  expect(platformGaps(lockfile(rolldown).replaceAll('\n', '\r\n'))).toHaveLength(1)
})

test('something else than a lockfile is refused', () => {
  expect(() => platformGaps('{}')).toThrow('no "snapshots:" section')
})

function check(text: string): number | null {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'waybill-lockfile-'))
  onTestFinished(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'pnpm-lock.yaml')
  fs.writeFileSync(file, text)
  return spawnSync(process.execPath, [path.resolve(import.meta.dirname, '../check-lockfile.mjs'), file])
    .status
}

test('the command fails on a gap, and when it finds nothing to check', () => {
  expect(check(lockfile(turbo))).toBe(0)
  expect(check(lockfile(turbo, rolldown))).toBe(1)
  expect(check(lockfile(chokidar))).toBe(1)
})
