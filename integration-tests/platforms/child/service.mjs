// One of two services of a journey, set up as the documentation of a platform says. The first works on a question and sends
// it from within a tool; the second handles it.
// usage: service.mjs <platform> <setup> <send | handle> <endpoint> <Redis URL> <stream>
import { registerHooks } from 'node:module'
import process from 'node:process'

// As npm lays them out, one copy each for all: by pnpm our packages have an API of their own, and langsmith, which does not
// declare the other one, whatever version there is.
const shared = ['@opentelemetry/api', '@opentelemetry/context-async-hooks']
registerHooks({
  resolve: (specifier, context, next) =>
    next(specifier, shared.includes(specifier) ? { ...context, parentURL: import.meta.url } : context),
})

const [platform, setup, role, endpoint, url, stream] = process.argv.slice(2)
const { context, diag, DiagLogLevel, propagation, ROOT_CONTEXT } = await import('@opentelemetry/api')
const { start } = await import(`./${platform}.mjs`)
const { agent, answer, flush } = start(endpoint, setup)
const warnings = []
const keep = (...parts) => void warnings.push(parts.join(' '))
diag.setLogger({ error: keep, warn: keep, info: keep, debug: keep, verbose: keep }, DiagLogLevel.WARN)

const { traceHandler, traceProducer } = await import('@waybill/redis-streams')
const { Redis } = await import('ioredis')
const redis = new Redis(url)
let baggage = {}
if (role === 'send') {
  // The session id, under the name that needs no vendor, is set once at the edge.
  const session = propagation.createBaggage({ 'session.id': { value: 's-7' } })
  const edge = propagation.setBaggage(ROOT_CONTEXT, session)
  await context.with(edge, () => agent(() => traceProducer(redis).xadd(stream, '*', 'question', 'why?')))
} else {
  const [entry] = await redis.xrange(stream, '-', '+')
  const handle = () => {
    const found = propagation.getActiveBaggage()?.getAllEntries() ?? []
    baggage = Object.fromEntries(found.map(([key, { value }]) => [key, value]))
    return answer()
  }
  await traceHandler(handle, { stream, group: 'answers', transitSpan: { minMs: 0 } })(entry)
}
await flush()
redis.disconnect()
process.stdout.write(`\n${JSON.stringify({ warnings, baggage })}\n`)
process.exit(0)
