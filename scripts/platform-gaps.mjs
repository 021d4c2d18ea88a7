/** Written by their makers in many ways: darwin-x64, darwin-64, win32-x64-msvc, windows-64, ... */
const platforms = [
  { label: 'macOS arm64', pattern: /darwin-arm64/ },
  { label: 'macOS x64', pattern: /darwin-(x64|64)/ },
  { label: 'Windows x64', pattern: /(win32|windows|win)-(x64|64)/ },
  { label: 'Linux arm64', pattern: /linux-arm64/ },
]
const linuxX64 = /linux-(x64|64)/

/**
 * The packages of a pnpm lockfile that come with binaries per platform, each with the platforms it lacks. Linux x64, where
 * lockfiles are made, tells which these are.
 *
 * @param {string} lockfile the text of pnpm-lock.yaml, version 9 or later
 * @returns {{ name: string, missing: string[] }[]}
 */
export function platformGaps(lockfile) {
  const text = lockfile.replace(/\r\n/g, '\n')
  const start = text.indexOf('\nsnapshots:')
  if (start < 0) throw new Error('no "snapshots:" section: not a pnpm lockfile of version 9 or later')
  const found = []
  for (const block of text.slice(start).split(/\n(?=  \S)/)) {
    const name = block.match(/^\s*'?([^\n]*?)'?:\n/)?.[1]
    const section = block.match(/optionalDependencies:\n((?:      .*\n?)+)/)?.[1]
    if (name === undefined || section === undefined) continue
    const optional = Array.from(section.matchAll(/^\s+'?(@?[^':]+)'?:/gm), (match) => match[1] ?? '')
    if (!optional.some((dependency) => linuxX64.test(dependency))) continue
    const missing = platforms.filter(
      ({ pattern }) => !optional.some((dependency) => pattern.test(dependency)),
    )
    found.push({ name: name.replace(/\(.*/, ''), missing: missing.map(({ label }) => label) })
  }
  return found
}
