import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)
const PACKAGES = ['kombu==5.7.0', 'aio-pika==10.2.1', 'kafka-python==3.0.12', 'opentelemetry-sdk==1.45.2']
const isWindows = process.platform === 'win32'

/**
 * A Python with the peers' packages, in a virtual environment below node_modules, made once per checkout. What cannot be had
 * is said, not thrown: the tests are then skipped, and say so too.
 */
export async function pythonWithPeers(): Promise<{ python: string } | { missing: string }> {
  const folder = path.join(import.meta.dirname, 'node_modules/.cache/python')
  const python = path.join(folder, isWindows ? 'Scripts/python.exe' : 'bin/python')
  const imports = 'import kombu, aio_pika, kafka, opentelemetry.sdk'
  try {
    if (existsSync(python) && (await loads(python, imports))) return { python }
    await run(isWindows ? 'python' : 'python3', ['-m', 'venv', '--clear', folder], { timeout: 60_000 })
    await run(python, ['-m', 'pip', 'install', '--quiet', ...PACKAGES], { timeout: 120_000 })
    return { python }
  } catch (error) {
    const [missing = ''] = String((error as { stderr?: string }).stderr || error).split('\n')
    console.log(`– The tests with Python peers are skipped: ${missing}`)
    return { missing }
  }
}

async function loads(python: string, code: string): Promise<boolean> {
  return run(python, ['-c', code]).then(
    () => true,
    () => false,
  )
}
