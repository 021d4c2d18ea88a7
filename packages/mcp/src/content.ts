import { context as contextApi, trace, type Context } from '@opentelemetry/api'
import { safely } from '@waybill/core/adapter'
import type { Settings } from './options.ts'
import type { RequestFacts } from './request.ts'
import type { ATTR_TOOL_ARGUMENTS, ATTR_TOOL_RESULT } from './semconv.ts'

/**
 * Hands what a tool was given, or gave, to the recorder that the application has named; by default there is none, and
 * nothing is even serialised. Runs with the span of the call active, and only if that is recorded.
 */
export function recordContent(
  { telemetry, recordContent: record }: Settings,
  context: Context,
  { method }: RequestFacts,
  key: typeof ATTR_TOOL_ARGUMENTS | typeof ATTR_TOOL_RESULT,
  value: unknown,
): void {
  if (record === undefined || method !== 'tools/call' || value === undefined) return
  safely(telemetry.log, 'options.recordContent()', undefined, () => {
    if (trace.getSpan(context)?.isRecording() !== true) return
    contextApi.with(context, () => record(key.replace('gen_ai.', ''), { [key]: JSON.stringify(value) }))
  })
}
