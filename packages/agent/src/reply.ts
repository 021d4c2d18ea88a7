import { recordGetter } from '@waybill/core'
import { safely, WaybillTypeError } from '@waybill/core/adapter'
import { frameOf, knowsAll, type Frame } from './frame.ts'
import type { Call } from './ledger.ts'
import { isAmount } from './prices.ts'
import { PACKAGE } from './settings.ts'

/** Most calls in one reply: about 3 kB. */
const MAX_CALLS = 64
const MAX_TOKENS = 1e12
const ID = /^[\w.:-]{1,64}$/

/** What a reply tells of the agent that gives it and those below; short names, since it is a header. */
interface Told {
  /** The run that answers, and the span id of the message that it was asked by. */
  readonly from: string
  readonly asked?: string
  readonly complete: boolean
  readonly currency: string
  readonly calls: readonly (readonly [id: string, input: number, output: number, cost?: number])[]
}

/** `attachUsage`: see there. */
export function attach<T extends object>(reply: T): T & Partial<Record<string, string>> {
  const prototype: unknown = typeof reply === 'object' && reply !== null && Object.getPrototypeOf(reply)
  if (prototype !== Object.prototype && prototype !== null) {
    throw new WaybillTypeError(
      { packageName: PACKAGE, functionName: 'attachUsage' },
      'a plain object, the reply or its headers',
      reply,
      'Put the reply into one: { answer }.',
    )
  }
  const frame = frameOf()
  if (frame === undefined) return { ...reply }
  const { log } = frame.resolved.telemetry
  return safely(log, 'attaching usage', { ...reply }, () => {
    const text = JSON.stringify(told(frame))
    frame.sends.expectReply()
    return { ...reply, [frame.resolved.keys.reply]: text }
  })
}

function told(frame: Frame): Told {
  const calls = [...frame.ledger.calls()]
  const { currency } = frame.resolved
  return {
    from: frame.id,
    ...(frame.asked !== undefined && { asked: frame.asked }),
    // Left out, not summed up: a sum and its parts would both count where they meet.
    complete: knowsAll(frame) && calls.length <= MAX_CALLS,
    currency,
    calls: calls
      .slice(0, MAX_CALLS)
      .map(({ id, input, output, cost }) =>
        cost === undefined ? [id, input, output] : [id, input, output, cost],
      ),
  }
}

/** `mergeUsage`: see there. */
export function merge<T>(reply: T): T {
  const frame = frameOf()
  if (frame === undefined || typeof reply !== 'object' || reply === null) return reply
  const { telemetry, keys, currency } = frame.resolved
  return safely(telemetry.log, 'merging usage', reply, () => {
    const text = recordGetter.get(reply, keys.reply) as string | undefined
    if (text === undefined) return reply
    const heard = read(text)
    if (heard === undefined) frame.ledger.incomplete()
    else {
      // An amount in another currency is none that could be added.
      const cost = (amount: number | undefined) => (heard.currency === currency ? amount : undefined)
      frame.ledger.merge(
        heard.calls.map((call) => ({ ...call, cost: cost(call.cost) })),
        heard.complete,
      )
      if (heard.asked !== undefined) frame.sends.answer(heard.asked, heard.from)
    }
    return without(reply, keys.reply)
  })
}

/** What a reply tells, if it can be believed to come from us; the text is anybody's. */
function read(text: string): (Omit<Told, 'calls'> & { readonly calls: readonly Call[] }) | undefined {
  let value: Partial<Told> | null
  try {
    value = JSON.parse(text) as Partial<Told> | null
  } catch {
    return undefined
  }
  const { from, asked, complete, currency, calls } = value ?? {}
  if (!isId(from) || (asked !== undefined && !isId(asked)) || !Array.isArray(calls)) return undefined
  const understood = calls.slice(0, MAX_CALLS).map(callOf)
  const good = understood.filter((call) => call !== undefined)
  return {
    from,
    ...(asked !== undefined && { asked }),
    complete: complete === true && good.length === calls.length,
    currency: typeof currency === 'string' ? currency : '',
    calls: good,
  }
}

function callOf(value: unknown): Call | undefined {
  const [id, input, output, cost] = Array.isArray(value) ? (value as unknown[]) : []
  if (!isId(id) || !isTokens(input) || !isTokens(output)) return undefined
  return { id, input, output, cost: isAmount(cost) ? cost : undefined }
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && ID.test(value)
}

function isTokens(value: unknown): value is number {
  return isAmount(value) && value <= MAX_TOKENS
}

/** A copy without the field; anything but a plain object stays as it is. */
function without<T extends object>(reply: T, name: string): T {
  const prototype: unknown = Object.getPrototypeOf(reply)
  if ((prototype !== Object.prototype && prototype !== null) || !Object.hasOwn(reply, name)) return reply
  const { [name]: _, ...others } = reply as Record<string, unknown>
  return others as T
}
