/** Something that must not outlive this process. */
export interface Perishable {
  /** The orderly end. */
  stop(): Promise<void>
  /** The last chance, when the process is already exiting: must be synchronous. */
  kill(): void
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const perishables = new Set<Perishable>()

/** Sees to it that `perishable` ends with this process, however that ends (but for SIGKILL). Returns the release. */
export function endWithProcess(perishable: Perishable): () => void {
  if (perishables.size === 0) listen()
  perishables.add(perishable)
  return () => {
    if (perishables.delete(perishable) && perishables.size === 0) unlisten()
  }
}

let ending = false

/** True while a signal is being obeyed: nothing new may be started. */
export function isEnding(): boolean {
  return ending
}

function onSignal(signal: NodeJS.Signals): void {
  if (!ending) void endOf(signal) // a terminal and a wrapper may both send it
}

async function endOf(signal: NodeJS.Signals): Promise<void> {
  ending = true
  await Promise.allSettled(Array.from(perishables, (perishable) => perishable.stop()))
  unlisten()
  ending = false
  // Somebody else who listens also decides when to end; without such a listener the signal does what it always does.
  if (process.listenerCount(signal) <= exitWatchers()) process.kill(process.pid, signal)
}

/**
 * Listeners that only watch for the end and step back while anybody else listens: the package signal-exit, which half of
 * npm brings along, Testcontainers too. To wait for them is to wait for ever. Its versions 3 and 4 count in two places.
 */
function exitWatchers(): number {
  const { __signal_exit_emitter__: third } = process as { __signal_exit_emitter__?: { count?: number } }
  const fourth = (globalThis as Record<symbol, { count?: number } | undefined>)[
    Symbol.for('signal-exit emitter')
  ]
  return (third?.count ?? 0) + (fourth?.count ?? 0)
}

function onExit(): void {
  for (const perishable of perishables) perishable.kill()
}

function listen(): void {
  for (const signal of signals) process.on(signal, onSignal)
  process.on('exit', onExit)
}

function unlisten(): void {
  for (const signal of signals) process.off(signal, onSignal)
  process.off('exit', onExit)
}
