// For authors of adapters: describe a client's messages, let core decide.
export {
  beginBatch,
  processBatch,
  type BatchParent,
  type HandledMessage,
  type IncomingBatch,
  type ProcessingBatch,
} from './batch.ts'
export {
  fieldListGetter,
  mapGetter,
  parseJsonCarrier,
  recordGetter,
  stampFieldList,
  stampRecord,
  tolerantGetter,
  type Stamp,
} from './carrier.ts'
export { withValue } from './context/value.ts'
export { readDatadogContext } from './datadog.ts'
export type { Destination } from './destination.ts'
export { logger, reportFault, safely, warnOnce } from './diag.ts'
export { recordEvent, type TelemetryEvent } from './event.ts'
export { errorTypeOf, recordFailure } from './failure.ts'
export { parseSentryTrace, type ForeignCarrier } from './foreign.ts'
export { handOver, takeOver } from './hand-over.ts'
export { journeyOf, type Journey } from './journey.ts'
export { createLagGauge, type Lag, type LagGauge } from './lag.ts'
export { callerLinks } from './links.ts'
export {
  check,
  hasMethod,
  isBoolean,
  isForeignCarriers,
  isFunction,
  isNumber,
  isObject,
  isStrings,
  isText,
  WaybillTypeError,
  type Check,
  type MessageInfo,
  type Origin,
  type TelemetryOptions,
} from './options.ts'
export { isPatched, patchMethod, unpatch } from './patch.ts'
export { extract, inject, type Extracted } from './propagation.ts'
export { beginProcess, process, type Processing, type ProcessResult } from './process.ts'
export { recordReceive } from './receive.ts'
export type { Incoming, Outcome } from './incoming.ts'
export { isAutoInstrumented, reportAutoInstrumented, uninstrumented } from './self-check.ts'
export {
  beginSend,
  send,
  type Outgoing,
  type OutgoingMessage,
  type Sending,
  type SendResult,
} from './send.ts'
export * from './semconv.ts'
export { withSendObserver, type SendObserver } from './sends.ts'
export { settle, type Failure } from './settle.ts'
export { suppressed } from './suppress.ts'
export { NO_SPAN } from './spans.ts'
export { createTelemetry, type Scope, type Signals, type Telemetry } from './telemetry.ts'
export type { Clock, Eligibility, Stages, TimeSource, UnknownReason } from './transit.ts'
export { contextWithBaggage, type Relation, type RootReason, type Trust } from './trust.ts'
export { parseWaybill, WAYBILL_FIELD, type Waybill } from './waybill.ts'
