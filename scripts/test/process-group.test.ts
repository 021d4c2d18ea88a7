import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const module = new URL('../process-group.ts', import.meta.url).href

/** Our side in a process of its own, since the command's output is inherited. */
async function run(script: string): Promise<string[]> {
  const program = `import { ProcessGroup } from ${JSON.stringify(module)}\n${script}`
  const node = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  node.stdout.setEncoding('utf8').on('data', (text: string) => void (output += text))
  await once(node, 'close')
  return output.trim().split('\n')
}

test.skipIf(process.platform === 'win32')(
  'a parent that dies of the signal does not cut its child short',
  async () => {
    // As a package manager in between: the shell is gone at once, what it started takes its time to clean up.
    const child = `(trap 'sleep 0.3; echo cleaned up; exit 0' INT; echo ready; while :; do sleep 0.05; done) & exec sleep 5`
    const said = await run(`
    const group = new ProcessGroup('bash', ['-c', ${JSON.stringify(child)}], process.env)
    setTimeout(() => group.send('SIGINT'), 400)
    console.log('exit code ' + await group.exitCode)
    await group.end(5000)
    console.log('end')`)
    expect(said).toEqual(['ready', 'exit code 130', 'cleaned up', 'end'])
  },
)

test.skipIf(process.platform === 'win32')('what does not end in time is killed', async () => {
  const said = await run(`
    const group = new ProcessGroup('bash', ['-c', '(trap "" TERM; sleep 3; echo still here) & exit 7'], process.env)
    console.log('exit code ' + await group.exitCode)
    await group.end(200)
    console.log('end')`)
  expect(said).toEqual(['exit code 7', 'end'])
})

test('a command that does not exist is 127', async () => {
  const said = await run(`
    console.error = console.log
    const group = new ProcessGroup('no-such-command', [], process.env)
    console.log('exit code ' + await group.exitCode)
    await group.end(100)
    group.send('SIGINT')`)
  expect(said).toEqual([expect.stringContaining('no-such-command'), 'exit code 127'])
})
