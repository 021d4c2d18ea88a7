// Helpers for tests, ours and those of users. They need no SDK of their own: they plug into whichever is there.
export {
  contextVerdict,
  type ContextMark,
  type ContextProbe,
  type ContextVerdict,
} from './testing/context-verdict.ts'
export { metricRecorder, type MetricPoint, type MetricRecorder } from './testing/metric-recorder.ts'
export { spanRecorder, type RecordedSpan, type SpanRecorder } from './testing/span-recorder.ts'
export { traceTree, type TraceTreeOptions } from './testing/trace-tree.ts'
export { resetWarnings } from './diag.ts'
