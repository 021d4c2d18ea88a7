import { spawnSync } from 'node:child_process'
import os from 'node:os'
import { expect, test } from 'vitest'
import { isDeadOwner, ownerOf } from '../src/owner.ts'

test('only a process of this machine that is gone is dead', () => {
  const { pid } = spawnSync(process.execPath, ['--version'])
  expect(isDeadOwner(ownerOf(pid))).toBe(true)
  expect(isDeadOwner(ownerOf())).toBe(false)
  expect(isDeadOwner(ownerOf(1))).toBe(false) // alive, though not everybody may signal it
  expect(isDeadOwner(`not-${os.hostname()}/${pid}`)).toBe(false)
})

test('a label of another form is left alone', () => {
  for (const owner of ['', 'nobody', `${os.hostname()}/`, `${os.hostname()}/-1`, `${os.hostname()}/x`])
    expect(isDeadOwner(owner)).toBe(false)
})
