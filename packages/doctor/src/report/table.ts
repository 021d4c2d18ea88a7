import type { Diagnosis } from '../diagnose.ts'
import type { Finding, Hop } from '../rules/finding.ts'
import type { Level } from '../settings.ts'
import { plain, type Ink } from './ink.ts'

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
  if (findings.length === 0)
    lines.push(ink('green', 'no findings: every delivery hangs where it belongs'), '')
  for (const limit of diagnosis.limits) lines.push(ink('dim', `note: ${limit}`))
  for (const warning of diagnosis.input.warnings) lines.push(ink('dim', `warning: ${warning}`))
  return `${lines.join('\n').trimEnd()}\n`
}

export function headline({ spans, traces, roots, tracesAfter }: Diagnosis): string {
  const counts = `${spans} spans · ${traces} traces · ${roots} roots`
  return tracesAfter === traces ? counts : `${counts}          after the fixes below: ${tracesAfter} traces`
}

function entry({ rule, level, hop, message, fix, evidence }: Finding, ink: Ink): string[] {
  const where = hopText(hop)
  return [
    `${ink('bold', rule)}  ${ink(COLOURS[level], level)}${where === '' ? '' : `   ${where}`}`,
    `   ${message}`,
    ...evidence.slice(0, 1).map(({ text }) => `   ${ink('dim', text)}`),
    `   ${ink('green', 'fix')}: ${fix}`,
  ].map(clean)
}

/** `gateway ─[planner]→ planner` */
export function hopText({ producer, destination, consumer }: Hop): string {
  if (destination === undefined) return [producer, consumer].filter((name) => name !== undefined).join(' → ')
  return `${producer ?? '?'} ─[${destination}]→ ${consumer ?? '?'}`
}

/** Names are foreign input: control characters would move the cursor, or worse. Our own colours begin with ESC [. */
function clean(line: string): string {
  // oxlint-disable-next-line no-control-regex
  return line.replaceAll(/[\u0000-\u0008\u000b-\u001a\u001c-\u001f\u007f-\u009f]|\u001b(?!\[\d+m)/g, '�')
}
