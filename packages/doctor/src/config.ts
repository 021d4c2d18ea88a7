import { existsSync, readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import { UnreadableInput } from './input/json-values.ts'
import type { Settings } from './settings.ts'

/** Looked for in the current folder where no other is given. */
const DEFAULT_FILE = 'waybill-doctor.json'

/** The settings of a configuration file. Rejects unknown names: a typo must not pass silently. */
export function readConfig(file: string | undefined): Partial<Settings> {
  if (file === undefined && !existsSync(DEFAULT_FILE)) return {}
  const { $schema: _, ...settings } = readChecked(file ?? DEFAULT_FILE, 'config') as Partial<Settings> & {
    $schema?: string
  }
  return settings
}

/** A JSON file of the user's that must be as its schema says. Throws `UnreadableInput` with what is wrong where. */
export function readChecked(file: string, schema: 'config' | 'prices'): unknown {
  const value = parse(file)
  const ajv = new Ajv({ allErrors: true, strict: false })
  const url = new URL(`../schema/${schema}.schema.json`, import.meta.url)
  const validate = ajv.compile(JSON.parse(readFileSync(url, 'utf8')) as object)
  if (validate(value)) return value
  const faults = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    const extra = (params as { additionalProperty?: string }).additionalProperty
    return `${instancePath || 'the file'} ${message ?? 'is wrong'}${extra === undefined ? '' : ` ('${extra}')`}`
  })
  throw new UnreadableInput(`${file}: ${faults.join('; ')}`)
}

function parse(file: string): unknown {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UnreadableInput(`${file}: ${(error as NodeJS.ErrnoException).code ?? 'cannot be read'}`)
  }
  try {
    return JSON.parse(text) as unknown
  } catch (error) {
    throw new UnreadableInput(`${file} is not JSON: ${(error as Error).message}`)
  }
}
