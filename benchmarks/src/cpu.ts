/** CPU time that this process takes meanwhile, in µs: user and system, all threads, so that the collector counts. */
export async function cpuOf(run: () => Promise<void>): Promise<number> {
  globalThis.gc?.()
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return user + system
}
