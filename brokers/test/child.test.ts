import { spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { greetRedis } from '../src/handshake/redis.ts'
import { brokerFolder, startChild } from '../src/native/child.ts'
import { findProgram } from '../src/native/program.ts'
import { freePort } from '../src/ports.ts'

/** A program that behaves as a broker, as far as a greeting goes. */
const broker = (port: number, delayMs = 0) => `
  setTimeout(() => require('net').createServer((socket) =>
    socket.on('error', () => {}).on('data', () => socket.write('+PONG\\r\\n$21\\r\\nredis_version:8.0.2\\r\\n\\r\\n'))
  ).listen(${port}, '127.0.0.1'), ${delayMs})`

async function recipe(program: string, timeoutMs = 5_000) {
  const port = await freePort()
  return {
    url: `redis://127.0.0.1:${port}`,
    program: process.execPath,
    args: ['--eval', program],
    folder: await brokerFolder('test'),
    greet: greetRedis,
    timeoutMs,
  }
}

test('is ready when it answers, and leaves nothing after stop', async () => {
  const port = await freePort()
  const started = { ...(await recipe(broker(port, 200))), url: `redis://127.0.0.1:${port}` }
  const child = await startChild(started)
  expect(child.version).toBe('8.0.2')
  await Promise.all([child.stop(), child.stop()])
  await expect(greetRedis(started.url)).rejects.toThrow('ECONNREFUSED')
  expect(fs.existsSync(started.folder)).toBe(false)
})

test('a restart is another program at the same address, on the same folder', async () => {
  const port = await freePort()
  const once = `require('fs').appendFileSync('STARTS', '.');` + broker(port)
  const started = { ...(await recipe('')), url: `redis://127.0.0.1:${port}` }
  const child = await startChild({
    ...started,
    args: ['--eval', once.replace('STARTS', `${started.folder}/starts`)],
  })
  await child.restart()
  expect(fs.readFileSync(`${started.folder}/starts`, 'utf8')).toBe('..')
  expect(await greetRedis(started.url)).toBe('8.0.2')
  await child.stop()
  await expect(greetRedis(started.url)).rejects.toThrow('ECONNREFUSED')
})

test('a program that ends at once is reported with its last words', async () => {
  const started = await recipe(`console.error('no such setting'); process.exit(3)`)
  await expect(startChild(started)).rejects.toThrow(/ended \(3\); it said:\nno such setting/)
  expect(fs.existsSync(started.folder)).toBe(false)
})

test('a program that never answers is ended', async () => {
  const started = await recipe('setInterval(() => {}, 1000)', 300)
  let afterwards = 0
  await expect(startChild({ ...started, afterwards: () => void afterwards++ })).rejects.toThrow(
    'not ready after 0.3 s',
  )
  expect(afterwards).toBe(1)
})

test('a program that does not exist is an error, not a crash', async () => {
  const started = { ...(await recipe('')), program: '/nowhere/redis-server' }
  await expect(startChild(started)).rejects.toThrow('/nowhere/redis-server')
})

test.runIf(process.platform === 'linux' && findProgram('setpriv') !== undefined)(
  'even SIGKILL of the process that started it ends it',
  async () => {
    const port = await freePort()
    const url = `redis://127.0.0.1:${port}`
    const module = new URL('../src/native/child.ts', import.meta.url).href
    const handshake = new URL('../src/handshake/redis.ts', import.meta.url).href
    const starter = `
      import { brokerFolder, startChild } from ${JSON.stringify(module)}
      import { greetRedis } from ${JSON.stringify(handshake)}
      const folder = await brokerFolder('test')
      await startChild({ url: '${url}', program: process.execPath, args: ['--eval', ${JSON.stringify(broker(port))}],
        folder, greet: greetRedis, timeoutMs: 5000 })
      console.log(folder)`
    const parent = spawn(process.execPath, ['--input-type=module', '--eval', starter], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [folder] = (await once(parent.stdout.setEncoding('utf8'), 'data')) as [string]
    expect(await greetRedis(url)).toBe('8.0.2')
    parent.kill('SIGKILL')
    await once(parent, 'exit')
    await sleep(100)
    await expect(greetRedis(url)).rejects.toThrow('ECONNREFUSED')
    fs.rmSync(folder.trim(), { recursive: true })
  },
)
