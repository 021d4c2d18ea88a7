import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { Socket } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { runCommand } from '../src/command.ts'
import { fixtures } from './reading.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'waybill-doctor-test-'))
})
afterEach(() => rm(folder, { recursive: true }))

async function run(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const code = await runCommand(args, {
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    env: {},
  })
  return { code, out, err }
}

const fixture = (name: string): string => path.join(fixtures, `${name}.otlp.json`)
const file = (name: string, content: string | Uint8Array): string => {
  const at = path.join(folder, name)
  writeFileSync(at, content)
  return at
}

describe('doctor-24: the exit code', () => {
  test('is 0 without findings, 1 with, 2 for what cannot be judged', async () => {
    expect((await run(fixture('fixed'))).code).toBe(0)
    expect((await run(fixture('broken'))).code).toBe(1)
    expect((await run(path.join(folder, 'none.json'))).code).toBe(2)
    expect((await run()).code).toBe(2)
    expect((await run('--nonsense', fixture('fixed'))).code).toBe(2)
    expect((await run('--gap-ms', 'soon', fixture('fixed'))).code).toBe(2)
    expect((await run('--help')).code).toBe(0)
  })

  test('follows --fail-on', async () => {
    const orphan = file('orphan.json', JSON.stringify(orphanExport()))
    expect((await run(orphan)).code).toBe(0)
    expect((await run('--fail-on', 'probable', orphan)).code).toBe(1)
    expect((await run('--fail-on', 'info', fixture('fixed'))).code).toBe(0)
    expect((await run('--fail-on', 'whatever', fixture('fixed'))).code).toBe(2)
  })

  test('follows the configuration file, in which a typo is an error', async () => {
    const config = file('config.json', JSON.stringify({ restart: ['planner', 'retriever', 'writer'] }))
    const { out } = await run('--config', config, fixture('broken'))
    expect(out).not.toContain('MQ-CONTEXT-LOST')
    const typo = await run('--config', file('typo.json', '{"failon":"info"}'), fixture('broken'))
    expect(typo).toMatchObject({ code: 2, err: expect.stringContaining("'failon'") })
  })
})

function orphanExport(): object {
  const span = (n: number, more: object): object => ({
    traceId: `${n}`.padStart(32, '0'),
    spanId: `${n}`.padStart(16, '0'),
    name: `span ${n}`,
    startTimeUnixNano: `17956000${n}0000000000`,
    endTimeUnixNano: `17956000${n}1000000000`,
    ...more,
  })
  return {
    resourceSpans: [
      { scopeSpans: [{ spans: [span(1, {}), span(5, { parentSpanId: '00000000000000ff' }), span(9, {})] }] },
    ],
  }
}

describe('doctor-20: trouble with the input', () => {
  test('a last line cut off, other signals and empty lines are warnings', async () => {
    const lines = readFileSync(fixture('broken'), 'utf8')
    const text = `\n{"resourceMetrics":[]}\n${lines}\n{"resourceLogs":[]}\n{"resourceSpans":[{"sco`
    const { code, out } = await run(file('mixed.jsonl', text))
    expect(code).toBe(1)
    expect(out).toContain('48 spans')
    expect(out).toContain('warning: ')
    expect(out).toContain('the last line is cut off')
    expect(out).toContain('2 lines of metrics or logs left out')
  })

  test.each([
    ['empty', '', 'is empty'],
    ['without spans', '{"resourceSpans":[]}', 'no spans at all'],
    ['only metrics', '{"resourceMetrics":[]}', 'no spans at all'],
    ['a web page', '<!doctype html>\n<html>login</html>', 'is an HTML page'],
    ['no JSON', 'hello', 'is not JSON'],
    ['other JSON', '{"hello":1}', 'none of the formats'],
    ['cut off', '{\n"resourceSpans": [', 'is not JSON, or its end is missing'],
    ['broken gzip', Buffer.from([0x1f, 0x8b, 1, 2, 3]), 'is not valid gzip'],
  ])('%s is exit 2 with a plain sentence', async (name, content, sentence) => {
    const { code, err } = await run(file(`${name}.json`, content))
    expect(code).toBe(2)
    expect(err).toMatch(/^waybill-doctor: .+\n$/)
    expect(err).toContain(sentence)
  })

  test('a log line before the export is left out, a gzip that ends early is told', async () => {
    const logged = await run(file('log.json', `starting up\n${readFileSync(fixture('broken'), 'utf8')}`))
    expect(logged.out).toContain('48 spans')
    expect(logged.out).toContain('line 1 is not JSON')
    const packed = gzipSync(readFileSync(fixture('broken'), 'utf8').repeat(50))
    const cut = await run(file('cut.gz', packed.subarray(0, packed.length - 2_000)))
    expect(cut.out).toContain('ends early')
  })
})

test('files, patterns and gzip are read as one export, each file once', async () => {
  file('a.json', readFileSync(fixture('broken')))
  file('b.json.gz', gzipSync(readFileSync(fixture('fixed'))))
  const { out } = await run(`${folder}/*`, path.join(folder, 'a.json'))
  expect(out).toContain('111 spans · 36 traces')
})

test('doctor-40: nothing is sent anywhere', async () => {
  const connect = vi.spyOn(Socket.prototype, 'connect')
  for (const command of ['diagnose', 'cost', 'privacy']) await run(command, fixture('broken'))
  expect(connect).not.toHaveBeenCalled()
  connect.mockRestore()
})

test('doctor-40: no file is written but the one that is asked for', async () => {
  const input = file('in.json', readFileSync(fixture('broken')))
  const before = readdirSync(process.cwd())
  await run(input)
  expect(readdirSync(folder)).toEqual(['in.json'])
  await run('-f', 'html', '-o', path.join(folder, 'out.html'), input)
  expect(readdirSync(folder)).toEqual(['in.json', 'out.html'])
  expect(readdirSync(process.cwd())).toEqual(before)
})
