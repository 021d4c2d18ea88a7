import fs from 'node:fs'
import { run } from '../command.ts'

type Log = (text: string) => void

/** Debian and what derives from it, with the right to install packages. */
export function canInstallPackages(): boolean {
  return process.getuid?.() === 0 && isDebian() && fs.existsSync('/usr/bin/apt-get')
}

export function isDebian(): boolean {
  try {
    return /^(ID|ID_LIKE)=.*debian/m.test(fs.readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
}

const options = [
  '-qq',
  '-y',
  '--no-install-recommends',
  '-o',
  'Dpkg::Use-Pty=0',
  '-o',
  'DPkg::Lock::Timeout=120',
]
const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }

let queue: Promise<unknown> = Promise.resolve()
let lists: Promise<void> | undefined

/** Installs packages one call after the other (dpkg has one lock), with no prompt and without starting services. */
export function installPackages(packages: readonly string[], log: Log): Promise<void> {
  const turn = queue.then(async () => {
    lists ??= updateLists(log)
    await lists
    await withoutServices(async () => {
      await run('apt-get', [...options, 'install', ...packages], { log, env })
    })
    for (const name of packages) await disableAtBoot(name, log)
  })
  queue = turn.catch(() => {})
  return turn
}

/** Old lists may still do: a failure shows when the package cannot be had. */
async function updateLists(log: Log): Promise<void> {
  await run('apt-get', ['-qq', 'update'], { log, env }).catch((error: Error) => log(`${error.message}\n`))
}

const policy = '/usr/sbin/policy-rc.d'

/** Debian's packages start their service on installation; this is the documented way to refuse. */
async function withoutServices(work: () => Promise<void>): Promise<void> {
  if (fs.existsSync(policy)) return work()
  fs.writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    await work()
  } finally {
    fs.rmSync(policy)
  }
}

const services: Record<string, string> = {
  'docker.io': 'docker',
  'redis-server': 'redis-server',
  'rabbitmq-server': 'rabbitmq-server',
}

/** We want the programs only: nothing of ours may run after the next boot. */
async function disableAtBoot(packageName: string, log: Log): Promise<void> {
  const service = services[packageName]
  if (service === undefined) return
  await run('update-rc.d', [service, 'disable'], { log }).catch((error: Error) => log(`${error.message}\n`))
}
