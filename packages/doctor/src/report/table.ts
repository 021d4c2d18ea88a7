import type { Diagnosis } from '../diagnose.ts'
import type { Finding, Hop } from '../rules/finding.ts'
import type { Level } from '../settings.ts'
import { plain, type Ink } from './ink.ts'
import { clean } from './text.ts'

const COLOURS: Readonly<Record<Level, 'red' | 'yellow' | 'cyan'>> = {
  certain: 'red',
  probable: 'yellow',
  info: 'cyan',
}

/** The findings as a person reads them in a terminal. */
export function table(diagnosis: Diagnosis, ink: Ink = plain): string {
  const { findings } = diagnosis
  const lines = [headline(diagnosis), '']
  for (const finding of findings) lines.push(...entry(finding, ink), '')
  if (findings.length === 0 && diagnosis.spans > 0)
    lines.push(ink('green', 'no findings: every delivery hangs where it belongs'), '')
  for (const limit of diagnosis.limits) lines.push(ink('dim', `note: ${clean(limit)}`))
  for (const warning of diagnosis.input.warnings) lines.push(ink('dim', `warning: ${clean(warning)}`))
  return `${lines.join('\n').trimEnd()}\n`
}

export function headline({ spans, traces, roots, tracesAfter }: Diagnosis): string {
  const counts = `${spans} spans · ${traces} traces · ${roots} roots`
  return tracesAfter === traces ? counts : `${counts}          after the fixes below: ${tracesAfter} traces`
}

function entry({ rule, level, hop, message, fix, evidence }: Finding, ink: Ink): string[] {
  const where = clean(hopText(hop))
  return [
    `${ink('bold', rule)}  ${ink(COLOURS[level], level)}${where === '' ? '' : `   ${where}`}`,
    `   ${clean(message)}`,
    ...evidence.slice(0, 1).map(({ text }) => `   ${ink('dim', clean(text))}`),
    `   ${ink('green', 'fix')}: ${clean(fix)}`,
  ]
}

/** `gateway ─[planner]→ planner` */
export function hopText({ producer, destination, consumer }: Hop): string {
  if (destination === undefined) return [producer, consumer].filter((name) => name !== undefined).join(' → ')
  return `${producer ?? '?'} ─[${destination}]→ ${consumer ?? '?'}`
}
