import type { Diagnosis } from '../diagnose.ts'
import type { SpanModel } from '../model/spans.ts'
import { durationText } from './duration.ts'
import { extentOf, rowsOf, worstTraces, type Row } from './rows.ts'
import { headline, hopText } from './table.ts'
import { escapeHtml } from './text.ts'

const WIDTH = 1000
const NAMES = 320
const LINE = 20
const DRAWINGS = 5

const STYLE = `
:root{color-scheme:light dark;font:14px/1.5 system-ui,sans-serif}
body{max-width:1080px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.2rem}h2{font-size:1rem;margin:0}
article{border-left:4px solid #888;padding:.1rem 1rem;margin:1rem 0}
.certain{border-color:#d33}.probable{border-color:#c90}.info{border-color:#39c}
code{font-family:ui-monospace,monospace}
svg{width:100%;height:auto;font:12px ui-monospace,monospace;margin:.5rem 0}
svg text{fill:currentColor}.span{fill:#48c}.stray{fill:#d33}.transit{fill:url(#hatch);stroke:#c90}
.link{stroke:#888;stroke-dasharray:4 3;fill:none}small{opacity:.7}`

/** One page that needs nothing else: no scripts, no network. */
export function html(diagnosis: Diagnosis, model: SpanModel): string {
  const { findings, limits, input } = diagnosis
  const drawings = worstTraces(diagnosis, DRAWINGS).map(
    ({ title, traces }) => `<h2>${escapeHtml(title)}</h2>${svg(rowsOf(model, traces))}`,
  )
  const notes = [...limits, ...input.warnings].map((note) => `<li>${escapeHtml(note)}</li>`)
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>waybill-doctor</title><style>${STYLE}</style>
<h1>${escapeHtml(headline(diagnosis))}</h1>
<p><small>${escapeHtml(input.files.join(', '))}</small></p>
${findings.length === 0 ? '<p>No findings: every delivery hangs where it belongs.</p>' : findings.map(article).join('\n')}
${drawings.join('\n')}
${notes.length === 0 ? '' : `<ul>${notes.join('')}</ul>`}
</html>
`
}

function article({ rule, level, hop, message, fix, evidence }: Diagnosis['findings'][number]): string {
  const cases = evidence.map(({ text }) => `<li>${escapeHtml(text)}</li>`).join('')
  return `<article class="${level}"><h2>${rule} <small>${level}</small> ${escapeHtml(hopText(hop))}</h2>
<p>${escapeHtml(message)}</p><ul>${cases}</ul><p>Fix: <code>${escapeHtml(fix)}</code></p></article>`
}

function svg(rows: readonly Row[]): string {
  if (rows.length === 0) return ''
  const { start, end } = extentOf(rows)
  const scale = (WIDTH - NAMES - 80) / (end - start)
  const x = (time: number): number => NAMES + (time - start) * scale
  const parts = rows.map(({ span, depth, isTransit, isStray, link }, i) => {
    const y = i * LINE
    const from = x(span.start)
    const width = Math.max(2, (span.end - span.start) * scale)
    const kind = isTransit ? 'transit' : isStray ? 'stray' : 'span'
    const label = `${isStray ? '✂ ' : ''}${span.name} · ${span.service}`
    const dashed =
      link === undefined
        ? ''
        : `<path class="link" d="M${x(rows[link]?.span.start ?? start).toFixed(1)},${link * LINE + 16}V${y + 10}H${from.toFixed(1)}"/>`
    return `<g><title>${escapeHtml(`${label} ${durationText(span.end - span.start)} trace ${span.traceId}`)}</title>${dashed}<text x="${Math.min(depth, 10) * 12}" y="${y + 14}">${escapeHtml(shorten(label, 44 - Math.min(depth, 10) * 2))}</text><rect class="${kind}" x="${from.toFixed(1)}" y="${y + 4}" width="${width.toFixed(1)}" height="12"/><text x="${(from + width + 4).toFixed(1)}" y="${y + 14}">${durationText(span.end - span.start)}</text></g>`
  })
  return `<svg viewBox="0 0 ${WIDTH} ${rows.length * LINE}" role="img"><defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect width="3" height="6" fill="#c90"/></pattern></defs>${parts.join('')}</svg>`
}

function shorten(text: string, most: number): string {
  return text.length > most ? `${text.slice(0, most - 1)}…` : text
}
