import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'

const module = new URL('../parent.mjs', import.meta.url).href

test.skipIf(process.platform === 'win32')('notices that a shell in between has died', async () => {
  const program = `import { whenParentIsGone } from '${module}'
    whenParentIsGone(() => { console.log('alone'); process.exit() })
    setTimeout(() => console.log('too late'), 5000)
    console.log('up')`
  const script = `'${process.execPath}' --input-type=module --eval "$PROGRAM"; echo never`
  const shell = spawn('sh', ['-c', script], {
    env: { ...process.env, PROGRAM: program },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  shell.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output === 'up\n') shell.kill('SIGTERM')
  })
  await once(shell, 'close')
  expect(output).toBe('up\nalone\n')
})
