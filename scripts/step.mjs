/**
 * One line per step, with its time, when it is over. What a step writes to its log is shown only if it fails.
 *
 * @template T
 * @param {string} title
 * @param {(log: Log) => Promise<T>} work
 * @param {{ print?: (line: string) => void, patienceMs?: number }} [options]
 * @returns {Promise<T>}
 */
export async function step(title, work, { print = console.log, patienceMs = 30_000 } = {}) {
  const started = performance.now()
  const seconds = () => `${((performance.now() - started) / 1000).toFixed(1)} s`
  const written = /** @type {string[]} */ ([])
  const log = /** @type {Log} */ ((text) => void written.push(String(text)))
  log.title = (better) => void (title = better)
  // A download may take minutes; silence for so long looks like a hang.
  const slow = setInterval(() => print(`… ${title} (${seconds()} so far)`), patienceMs)
  try {
    const result = await work(log)
    print(`✔ ${title} (${seconds()})`)
    return result
  } catch (error) {
    const detail = written.join('').trimEnd()
    if (detail !== '') print(detail)
    print(`✖ ${title} (${seconds()}): ${error instanceof Error ? error.message : String(error)}`)
    throw error
  } finally {
    clearInterval(slow)
  }
}

/**
 * Keeps text for the case of failure. `title` refines what the step's line says.
 *
 * @typedef {((text: string | Uint8Array) => void) & { title(better: string): void }} Log
 */
