import { context as contextApi, createContextKey, type Context, type SpanContext } from '@opentelemetry/api'
import type { Journey } from '@waybill/core/adapter'
import { createLedger, type Ledger } from './ledger.ts'
import type { Resolved } from './settings.ts'

// The API derives a registered symbol from the text, so two copies of this package share the key.
const FRAME_KEY = createContextKey('waybill.agent')

/** An agent at work in this process: what the functions called within it know of it. */
export interface Frame {
  readonly resolved: Resolved
  readonly name: string
  readonly role: string | undefined
  readonly depth: number
  /** Tells this run from all others, in replies. */
  readonly id: string
  /** Span id of the message that this agent was asked by, by which its caller recognises the answer. */
  readonly asked: string | undefined
  /** Low-cardinality name of the queue that message came from. */
  readonly queue: string | undefined
  /** The agent in this process that this one was called by. */
  readonly above: Frame | undefined
  readonly ledger: Ledger
  readonly sends: Sends
  /** Number of agents called by this one, in this process, that have not ended. */
  running: number
}

/** The agent that is at work in a context. */
export function frameOf(context: Context = contextApi.active()): Frame | undefined {
  return context.getValue(FRAME_KEY) as Frame | undefined
}

export function withFrame(context: Context, frame: Frame): Context {
  return context.setValue(FRAME_KEY, frame)
}

/** What an agent is called with, and where it stands. */
type Standing = Pick<Frame, 'resolved' | 'name' | 'role' | 'depth' | 'above'>

/** @param journey that of the message which is handled here, if any */
export function createFrame(standing: Standing, journey: Journey | undefined): Frame {
  const outermost = standing.above === undefined
  const ledger = createLedger()
  // What an earlier attempt used has been told to nobody.
  if (outermost && (journey?.attempt ?? 1) > 1) ledger.incomplete()
  const { template, name, temporary, anonymous } = journey?.destination ?? { name: '' }
  const bounded = temporary !== true && anonymous !== true && name !== '' ? name : undefined
  return {
    ...standing,
    id: drawId(),
    asked: outermost ? journey?.creation?.spanId : undefined,
    queue: template ?? bounded,
    ledger,
    sends: createSends(),
    running: 0,
  }
}

/** An id that nobody else has drawn, as long as that of a span and drawn as SDKs draw those. */
export function drawId(): string {
  return half() + half()
}

function half(): string {
  return Math.trunc(Math.random() * 2 ** 32)
    .toString(16)
    .padStart(8, '0')
}

/** Whether all that an agent and those below it have used is in its ledger, as far as messages went through Waybill. */
export function knowsAll({ ledger, running, sends }: Frame): boolean {
  return ledger.isComplete && running === 0 && sends.areAnswered
}

/** The messages that an agent sent, and which of them were answered. */
export interface Sends {
  add(count: number, creation: SpanContext | undefined): void
  /** The next message is the answer to what this agent was asked, and is not waited on. */
  expectReply(): void
  /** @param asked span id of the message that is answered; `from` the run that answers */
  answer(asked: string, from: string): void
  readonly areAnswered: boolean
}

function createSends(): Sends {
  const sent = new Map<string, { count: number; readonly answers: Set<string> }>()
  let replyIsDue = false
  return {
    add(count, creation) {
      if (replyIsDue && count === 1) {
        replyIsDue = false
        return
      }
      const id = creation?.spanId ?? ''
      const known = sent.get(id)
      if (known === undefined) sent.set(id, { count, answers: new Set() })
      else known.count += count
    },
    expectReply() {
      replyIsDue = true
    },
    answer(asked, from) {
      sent.get(asked)?.answers.add(from)
    },
    get areAnswered() {
      return [...sent.values()].every(({ count, answers }) => answers.size >= count)
    },
  }
}
