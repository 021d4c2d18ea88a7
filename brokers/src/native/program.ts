import fs from 'node:fs'
import path from 'node:path'

/** The first executable of that name on PATH. Debian keeps daemons in folders that a user's PATH may lack. */
export function findProgram(name: string, env: NodeJS.ProcessEnv = process.env): string | undefined {
  const folders = [...(env['PATH'] ?? '').split(path.delimiter), '/usr/sbin', '/usr/bin'].filter(Boolean)
  return folders.map((folder) => path.join(folder, name)).find(isExecutable)
}

/** @throws when the program is not there: a missing broker is then reported with this reason. */
export function needProgram(name: string): string {
  const found = path.isAbsolute(name) ? (isExecutable(name) ? name : undefined) : findProgram(name)
  if (found === undefined) throw new Error(`${name} is not installed`)
  return found
}

function isExecutable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.X_OK)
    return true
  } catch {
    return false
  }
}
