import { context as contextApi } from '@opentelemetry/api'
import { safely, settle, WaybillTypeError } from '@waybill/core/adapter'
import { resolveSettings, type McpOptions } from './options.ts'
import { handledIn, type Arrival } from './origin.ts'
import { outcomeOf, outcomeOfError } from './outcome.ts'
import { recordOf, type RequestFacts } from './request.ts'
import { beginServing } from './server-span.ts'
import type { Meta } from './meta.ts'

/** What `traceTool` is told about a tool. */
export interface ToolMeta extends McpOptions {
  /** Name under which it is called. */
  readonly name: string
}

/**
 * Traces one handler of a tool, for servers that `traceMcp` does not reach: a SERVER span `tools/call {name}` in the
 * context of the caller. That is read from `_meta` in the arguments of the handler, as both SDKs pass it, or from that in
 * the arguments of the tool. Below a traced server it does nothing. `this`, arguments, result and error are the handler's.
 *
 * @throws WaybillTypeError if `handler` is no function, without a name, or on a bad option
 * @example
 * server.registerTool('search', { inputSchema }, traceTool(search, { name: 'search' }))
 */
export function traceTool<H extends (...args: never[]) => unknown>(handler: H, meta: ToolMeta): H {
  const { name, ...options } = requireMeta(handler, meta)
  const settings = resolveSettings('traceTool', options)
  const { telemetry } = settings
  const facts: RequestFacts = { method: 'tools/call', name }
  const traced = function (this: unknown, ...args: unknown[]): unknown {
    const call = (): unknown => Reflect.apply(handler, this, args)
    const signals = telemetry.signals()
    if (signals === undefined || isTraced(facts)) return call()
    const serving = safely(telemetry.log, 'tracing a tool', undefined, () => {
      const arrival: Arrival = {
        facts,
        given: args.length > 1 ? args[0] : undefined,
        carriers: carriersIn(args, settings.telemetry.options.foreignCarriers.includes('strands')),
        info: {},
      }
      return beginServing(settings, signals, arrival)
    })
    if (serving === undefined) return call()
    return settle(
      () => contextApi.with(serving.context, call),
      (failure, result) => {
        serving.end(failure === undefined ? outcomeOf({ result }) : outcomeOfError(failure.error))
      },
    )
  }
  return traced as unknown as H
}

/** Whether the very call is traced by its server. */
function isTraced({ method, name }: RequestFacts): boolean {
  const handled = handledIn(contextApi.active())?.facts
  return handled?.method === method && handled.name === name
}

/** `extra._meta` of SDK 1.x and `ctx.mcpReq._meta` of SDK 2.x come last; a tool without arguments has nothing before. */
function carriersIn(args: readonly unknown[], alsoInArguments: boolean): (Meta | undefined)[] {
  const last = recordOf(args.at(-1))
  const extra = recordOf(recordOf(last?.['mcpReq'])?.['_meta']) ?? recordOf(last?.['_meta'])
  return [extra, alsoInArguments && args.length > 1 ? recordOf(recordOf(args[0])?.['_meta']) : undefined]
}

function requireMeta(handler: unknown, meta: ToolMeta | undefined): ToolMeta {
  const origin = { packageName: '@waybill/mcp', functionName: 'traceTool' } as const
  if (typeof handler !== 'function')
    throw new WaybillTypeError(origin, 'a handler function', handler, 'Pass the function that runs the tool.')
  if (typeof meta?.name !== 'string' || meta.name === '')
    throw new WaybillTypeError(origin, 'the name of the tool', meta?.name, "Give it: { name: 'search' }.")
  return meta
}
