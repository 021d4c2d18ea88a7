import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../../../', import.meta.url))

/** At the repository's root, and ignored by git, unless `DEMO_OUTPUT` names another. */
export const outputFolder: string = process.env['DEMO_OUTPUT'] ?? path.join(root, 'demo-output')

/** Writes the files there; gives their paths as people would type them. */
export function save(files: Readonly<Record<string, string>>): string[] {
  mkdirSync(outputFolder, { recursive: true })
  return Object.entries(files).map(([name, text]) => {
    const file = path.join(outputFolder, name)
    writeFileSync(file, text)
    return path.relative(process.cwd(), file)
  })
}
