import os from 'node:os'

/** Container label that names the process a broker belongs to, as `host/pid`. */
export const OWNER_LABEL = 'waybill.broker.owner'

export function ownerOf(pid: number = process.pid): string {
  return `${os.hostname()}/${pid}`
}

/** True when the owner was a process of this machine and is gone: nobody else will remove what it left. */
export function isDeadOwner(owner: string): boolean {
  const [host, pid] = owner.split('/')
  return host === os.hostname() && /^\d+$/.test(pid ?? '') && !isAlive(Number(pid))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // alive, but not ours
  }
}
