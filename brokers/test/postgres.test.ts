import fs from 'node:fs'
import os from 'node:os'
import { afterEach, expect, test, vi } from 'vitest'
import { startPostgres } from '../src/index.ts'

afterEach(() => void vi.unstubAllEnvs())

const folders = () => fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith('waybill-postgres-'))

test('PostgreSQL runs from the binaries that npm installed, and leaves nothing behind', async () => {
  vi.stubEnv('POSTGRES_URL', '')
  const before = folders()
  const postgres = await startPostgres()
  expect(postgres).toMatchObject({ how: 'native', version: expect.stringMatching(/^\d+\.\d+/) })
  vi.stubEnv('POSTGRES_URL', postgres.url)
  const given = await startPostgres()
  expect(given).toMatchObject({ how: 'url', url: postgres.url, version: postgres.version })
  await given.stop()
  await postgres.stop()
  expect(folders()).toEqual(before)
}, 30_000)
