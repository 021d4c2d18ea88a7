// SARIF 2.1.0: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
import { createHash } from 'node:crypto'
import type { Diagnosis } from '../diagnose.ts'
import type { Finding, RuleId } from '../rules/finding.ts'
import type { Level } from '../settings.ts'
import { VERSION } from '../version.ts'
import { ruleTexts } from './rule-texts.ts'
import { hopText } from './table.ts'

const LEVELS: Readonly<Record<Level, 'error' | 'warning' | 'note'>> = {
  certain: 'error',
  probable: 'warning',
  info: 'note',
}

/** The findings for code scanning. The place of a finding is a queue, not a line; user interfaces want a file as well. */
export function sarif({ findings, input }: Diagnosis): string {
  const rules = [...new Set(findings.map(({ rule }) => rule))].sort()
  const log = {
    $schema: 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json',
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: 'waybill-doctor',
            version: VERSION,
            semanticVersion: VERSION,
            rules: rules.map(ruleOf),
          },
        },
        results: findings.map((finding) => resultOf(finding, rules, input.files[0] ?? 'traces.json')),
        columnKind: 'utf16CodeUnits',
      },
    ],
  }
  return `${JSON.stringify(log, null, 2)}\n`
}

function ruleOf(id: RuleId): object {
  return {
    id,
    shortDescription: { text: ruleTexts[id] },
    help: { text: `Section ${id} of Waybill's docs/troubleshooting.md` },
  }
}

function resultOf(finding: Finding, rules: readonly RuleId[], file: string): object {
  const { rule, level, hop, message, fix, count, evidence } = finding
  const place = hopText(hop) || rule
  const service = hop.consumer ?? hop.producer ?? 'unknown service'
  const name = hop.destination === undefined ? service : `${service}/${hop.destination}`
  return {
    ruleId: rule,
    ruleIndex: rules.indexOf(rule),
    level: LEVELS[level],
    message: { text: `${place}: ${message}. Fix: ${fix}` },
    locations: [
      {
        physicalLocation: {
          artifactLocation: { uri: uriOf(file) },
          region: { startLine: 1 },
        },
        logicalLocations: [{ name, fullyQualifiedName: name, kind: 'resource' }],
      },
    ],
    occurrenceCount: count,
    // The same fault at the same hop is the same alert, whatever the traces' ids.
    partialFingerprints: {
      'hop/v1': createHash('sha256').update(`${rule}\0${place}`).digest('hex').slice(0, 32),
    },
    properties: { traces: evidence.flatMap(({ traces }) => traces).slice(0, 10) },
  }
}

function uriOf(file: string): string {
  return encodeURI(file.replaceAll('\\', '/')).replaceAll('#', '%23').replaceAll('?', '%3F')
}
