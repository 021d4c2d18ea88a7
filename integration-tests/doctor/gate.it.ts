import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { doctor } from './command.ts'

const redis = inject('brokers').redis
const main = path.resolve(import.meta.dirname, '../../examples/pull-request-gate/src/main.ts')

let folder: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'waybill-doctor-gate-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

interface Sarif {
  readonly runs: readonly {
    readonly results: readonly { readonly ruleId: string; readonly level: string }[]
  }[]
}

/** The step of the workflow. */
async function gate(tidy: string): Promise<{ code: number; rules: string[]; err: string }> {
  const sarif = path.join(folder, 'doctor.sarif')
  process.env['REDIS_URL'] = (redis as { url: string }).url
  process.env['TIDY'] = tidy
  const command = [process.execPath, '--no-warnings', '--conditions=waybill-source', main]
  const { code, err } = await doctor(
    'listen',
    '--fail-on',
    'probable',
    '--format',
    'sarif',
    '--output',
    sarif,
    '--',
    ...command,
  )
  delete process.env['TIDY']
  const { runs } = JSON.parse(readFileSync(sarif, 'utf8')) as Sarif
  return {
    code,
    err,
    rules: runs.flatMap(({ results }) => results.map(({ ruleId, level }) => `${ruleId} ${level}`)),
  }
}

describe.skipIf('missing' in redis)("doctor-29: the example's gate, with a real exporter", () => {
  test('passes the relay as it was', async () => {
    expect(await gate('no')).toMatchObject({ code: 0, rules: [] })
  })

  test('fails the pull request whose relay drops headers, and says where in SARIF', async () => {
    const { code, rules, err } = await gate('yes')
    expect(code).toBe(1)
    expect(err).toMatch(/received \d+ spans of shop/)
    expect(rules).toContain('MQ-PRODUCER-UNTRACED warning')
  })
})
