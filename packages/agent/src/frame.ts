import { context as contextApi, createContextKey, type Context } from '@opentelemetry/api'
import type { Resolved } from './settings.ts'

// The API derives a registered symbol from the text, so two copies of this package share the key.
const FRAME_KEY = createContextKey('waybill.agent')

/** An agent at work in this process: what the functions called within it know of it. */
export interface Frame {
  readonly resolved: Resolved
  readonly name: string
  readonly role: string | undefined
  readonly depth: number
}

/** The agent that is at work in a context. */
export function frameOf(context: Context = contextApi.active()): Frame | undefined {
  return context.getValue(FRAME_KEY) as Frame | undefined
}

export function withFrame(context: Context, frame: Frame): Context {
  return context.setValue(FRAME_KEY, frame)
}
