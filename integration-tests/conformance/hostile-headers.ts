/** One set of headers that somebody may have put on a message. */
export interface HostileCase {
  readonly title: string
  readonly headers: Readonly<Record<string, unknown>>
  /** Trace id that the consumer must continue although the rest is rubbish; absent: a new trace. */
  readonly continues?: string
}

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const TRACEPARENT = `00-${TRACE}-b7ad6b7169203331-01`
const bytes = (text: string): Buffer => Buffer.from(text)
const own = (key: string, value: unknown): Record<string, unknown> =>
  Object.defineProperty({}, key, { value, enumerable: true, configurable: true, writable: true })

/** Malformed, foreign, oversized and malicious headers; none may stop a message or reach the handler as an error. */
export const hostileCases: readonly HostileCase[] = [
  { title: 'empty traceparent', headers: { traceparent: '' } },
  { title: 'blank traceparent', headers: { traceparent: '   ' } },
  { title: 'traceparent is a word', headers: { traceparent: 'garbage' } },
  {
    title: 'traceparent with an all-zero trace id',
    headers: { traceparent: `00-${'0'.repeat(32)}-b7ad6b7169203331-01` },
  },
  {
    title: 'traceparent with an all-zero span id',
    headers: { traceparent: `00-${TRACE}-${'0'.repeat(16)}-01` },
  },
  { title: 'traceparent in capitals', headers: { traceparent: TRACEPARENT.toUpperCase() } },
  { title: 'traceparent of version ff', headers: { traceparent: `ff-${TRACE}-b7ad6b7169203331-01` } },
  {
    title: 'traceparent with a short trace id',
    headers: { traceparent: '00-0af7651916cd43dd-b7ad6b7169203331-01' },
  },
  { title: 'traceparent with trailing data', headers: { traceparent: `${TRACEPARENT}-extra` } },
  {
    title: 'traceparent of a future version with trailing data',
    headers: { traceparent: `cc-${TRACE}-b7ad6b7169203331-01-x` },
    continues: TRACE,
  },
  {
    title: 'traceparent with undefined flags',
    headers: { traceparent: `00-${TRACE}-b7ad6b7169203331-ff` },
    continues: TRACE,
  },
  { title: 'traceparent of 1 MB', headers: { traceparent: 'a'.repeat(40_000) } },
  { title: 'traceparent with a line break', headers: { traceparent: `${TRACEPARENT}\r\nx: y` } },
  { title: 'traceparent with control characters', headers: { traceparent: '\u0000\u0001\u0002' } },
  { title: 'traceparent with emoji', headers: { traceparent: '🚚📦' } },
  { title: 'traceparent as bytes', headers: { traceparent: bytes(TRACEPARENT) }, continues: TRACE },
  { title: 'traceparent as invalid UTF-8', headers: { traceparent: Buffer.from([0xff, 0xfe, 0xc0, 0x80]) } },
  { title: 'traceparent as a number', headers: { traceparent: 42 } },
  { title: 'traceparent as a boolean', headers: { traceparent: true } },
  { title: 'traceparent as null', headers: { traceparent: null } },
  { title: 'traceparent as an object', headers: { traceparent: { value: TRACEPARENT } } },
  { title: 'traceparent as an empty list', headers: { traceparent: [] } },
  {
    title: 'traceparent as a list, the last one counts',
    headers: { traceparent: ['garbage', TRACEPARENT] },
    continues: TRACE,
  },
  {
    title: 'traceparent as a list of bytes',
    headers: { traceparent: [bytes('x'), bytes(TRACEPARENT)] },
    continues: TRACE,
  },
  { title: 'Traceparent with a capital', headers: { Traceparent: TRACEPARENT }, continues: TRACE },
  {
    title: 'exact name wins over another case',
    headers: { TRACEPARENT: 'garbage', traceparent: TRACEPARENT },
    continues: TRACE,
  },
  {
    title: 'tracestate of 20 kB beside a good traceparent',
    headers: { traceparent: TRACEPARENT, tracestate: 'a=b,'.repeat(5000) },
    continues: TRACE,
  },
  {
    title: 'tracestate with rubbish',
    headers: { traceparent: TRACEPARENT, tracestate: '=,==;;' },
    continues: TRACE,
  },
  { title: 'tracestate without traceparent', headers: { tracestate: 'a=b' } },
  {
    title: 'baggage of 20 kB',
    headers: { traceparent: TRACEPARENT, baggage: `k=${'v'.repeat(20_000)}` },
    continues: TRACE,
  },
  {
    title: 'baggage with 500 members',
    headers: {
      traceparent: TRACEPARENT,
      baggage: Array.from({ length: 500 }, (_, i) => `k${i}=v`).join(','),
    },
    continues: TRACE,
  },
  {
    title: 'baggage with broken percent-encoding',
    headers: { traceparent: TRACEPARENT, baggage: 'a=%E0%A4%A,b=%' },
    continues: TRACE,
  },
  {
    title: 'baggage that names __proto__',
    headers: { traceparent: TRACEPARENT, baggage: '__proto__=x,constructor=y' },
    continues: TRACE,
  },
  { title: 'baggage as a number', headers: { traceparent: TRACEPARENT, baggage: 7 }, continues: TRACE },
  { title: 'waybill is a word', headers: { traceparent: TRACEPARENT, waybill: 'garbage' }, continues: TRACE },
  {
    title: 'waybill with negative times',
    headers: { traceparent: TRACEPARENT, waybill: 'sent=-1;origin=-1' },
    continues: TRACE,
  },
  {
    title: 'waybill from 1970',
    headers: { traceparent: TRACEPARENT, waybill: 'sent=1000;origin=1000' },
    continues: TRACE,
  },
  {
    title: 'waybill from the year 5000',
    headers: { traceparent: TRACEPARENT, waybill: 'sent=95617584000000;origin=95617584000000' },
    continues: TRACE,
  },
  {
    title: 'waybill with fractions and exponents',
    headers: { traceparent: TRACEPARENT, waybill: 'sent=1e12;origin=1.5' },
    continues: TRACE,
  },
  {
    title: 'waybill of 2 kB',
    headers: { traceparent: TRACEPARENT, waybill: `sent=${'1'.repeat(2000)}` },
    continues: TRACE,
  },
  {
    title: 'waybill with unknown pairs',
    headers: { traceparent: TRACEPARENT, waybill: 'x=1;;=;sent' },
    continues: TRACE,
  },
  { title: 'a header named __proto__', headers: own('__proto__', TRACEPARENT) },
  {
    title: 'a header named constructor',
    headers: { traceparent: TRACEPARENT, constructor: 'x' },
    continues: TRACE,
  },
  {
    title: 'a header named toString',
    headers: { traceparent: TRACEPARENT, toString: 'x' },
    continues: TRACE,
  },
  { title: 'a header with an empty name', headers: { traceparent: TRACEPARENT, '': 'x' }, continues: TRACE },
  {
    title: '300 other headers',
    headers: {
      traceparent: TRACEPARENT,
      ...Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`h${i}`, 'v'])),
    },
    continues: TRACE,
  },
  {
    title: "Sentry's headers",
    headers: { 'sentry-trace': `${TRACE}-b7ad6b7169203331-1`, baggage: 'sentry-trace_id=x' },
    continues: TRACE,
  },
  { title: "Sentry's header without a span", headers: { 'sentry-trace': TRACE } },
  {
    title: "Datadog's headers",
    headers: { 'x-datadog-trace-id': '1', 'x-datadog-parent-id': '2', 'x-datadog-sampling-priority': '1' },
    continues: '1'.padStart(32, '0'),
  },
  {
    title: "Datadog's headers with numbers that are no ids",
    headers: { 'x-datadog-trace-id': '9'.repeat(20), 'x-datadog-parent-id': '-2' },
  },
]
