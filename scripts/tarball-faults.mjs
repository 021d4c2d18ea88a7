const dependencyFields = ['dependencies', 'peerDependencies', 'optionalDependencies']

/**
 * What must never reach a registry; publint and attw do not know these. Empty when the tarball is clean.
 *
 * @param {string[]} files
 * @param {Record<string, any>} manifest
 * @returns {string[]}
 */
export function tarballFaults(files, manifest) {
  const faults = []
  if (!files.some((file) => /^dist\/.*\.js$/.test(file))) faults.push('no JavaScript in dist: build first')
  for (const file of files) {
    if (file.endsWith('.tsbuildinfo')) faults.push(`${file}: a build state`)
    if (/(^|\/)(test|tests|__tests__)\/|\.(test|it|spec)\./.test(file)) faults.push(`${file}: a test`)
    if (/\.[cm]?ts$/.test(file) && !/\.d\.[cm]?ts$/.test(file)) faults.push(`${file}: a source`)
  }
  if (JSON.stringify(manifest['exports'] ?? {}).includes('waybill-source')) {
    faults.push('exports has the condition waybill-source, which points at files that are not here')
  }
  for (const target of exportTargets(manifest['exports'] ?? {})) {
    if (!files.includes(target)) faults.push(`exports names ${target}, which is not here`)
  }
  for (const field of dependencyFields) {
    for (const [name, range] of Object.entries(manifest[field] ?? {})) {
      if (/^(workspace|catalog|file|link):/.test(String(range))) faults.push(`${field}: ${name} is ${range}`)
    }
  }
  const own = Object.keys(manifest['dependencies'] ?? {}).filter((name) => name.startsWith('@opentelemetry/'))
  if (own.length > 0) faults.push(`dependencies: ${own.join(', ')} must be peers, or an app has two copies`)
  return faults
}

/** @param {unknown} exports @returns {string[]} */
function exportTargets(exports) {
  if (typeof exports === 'string') return [exports.replace(/^\.\//, '')]
  return Object.values(exports ?? {}).flatMap(exportTargets)
}
