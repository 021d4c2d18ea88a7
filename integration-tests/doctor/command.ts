import { runCommand } from '../../packages/doctor/src/command.ts'

/** Runs one command line of the doctor in this process. */
export async function doctor(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', '']
  const code = await runCommand(args, {
    out: { write: (text) => (out += text) },
    err: { write: (text) => (err += text) },
    env: process.env,
  })
  return { code, out, err }
}
