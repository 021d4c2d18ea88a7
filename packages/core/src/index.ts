// For users: option types, and the carrier and wire format for places that no adapter reaches.
export { fieldListGetter, mapGetter, parseJsonCarrier, recordGetter } from './carrier.ts'
export {
  baggageSpanProcessor,
  type BaggageSpanProcessor,
  type BaggageSpanProcessorOptions,
} from './baggage/processor.ts'
export { batchContext, type BatchOptions } from './context/gathered.ts'
export { bindContext, bindEmitter } from './context/bound.ts'
export { extract, inject, runWithCarrier, type CarriedOptions } from './context/carried.ts'
export { runDetached } from './context/detached.ts'
export { fromEnv, toEnv } from './context/environment.ts'
export { pack, unpack, type Packed } from './context/packed.ts'
export { toWorkerData } from './context/worker-data.ts'
export type { ForeignCarrier } from './foreign.ts'
export { WaybillTypeError, type MessageInfo, type TelemetryOptions } from './options.ts'
export type { Relation, RootReason, Trust } from './trust.ts'
export type { Clock, UnknownReason } from './transit.ts'
export { formatWaybill, parseWaybill, WAYBILL_FIELD, type Waybill } from './waybill.ts'
