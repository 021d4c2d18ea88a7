/**
 * Calls back when the parent process is gone. npm hands a SIGTERM on to the shell that it runs a script with, and that dies
 * of it without a word to us.
 *
 * @param {() => void} gone
 */
export function whenParentIsGone(gone) {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    gone()
  }, 200)
  watch.unref()
}
