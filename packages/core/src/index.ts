// For users: option types, and the carrier and wire format for places that no adapter reaches.
export { fieldListGetter, mapGetter, parseJsonCarrier, recordGetter } from './carrier.ts'
export { WaybillTypeError, type MessageInfo, type TelemetryOptions } from './options.ts'
export type { Relation, RootReason, Trust } from './trust.ts'
export type { Clock, UnknownReason } from './transit.ts'
export { formatWaybill, parseWaybill, WAYBILL_FIELD, type Waybill } from './waybill.ts'
