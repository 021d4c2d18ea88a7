import { describe, expect, test } from 'vitest'
import { examine, frame, process, send, verdict, type Made } from './made-spans.ts'

const request = (trace: string, from: number): Made => ({
  trace,
  id: `req-${trace}`,
  kind: 'SERVER',
  name: 'POST /ask',
  service: 'gateway',
  from,
  to: from + 5,
})

/** One healthy message: request, send, process. */
function healthy(trace: string, id: string, from: number, more: Partial<Made> = {}): Made[] {
  return [
    request(trace, from),
    send(trace, `s-${trace}`, 'jobs', id, from + 1, { parent: `req-${trace}` }),
    process(trace, `p-${trace}`, 'jobs', id, from + 3, { parent: `s-${trace}`, ...more }),
  ]
}

describe('context lost', () => {
  const lost = (n: number, from: number): Made[] => [
    request(`a${n}`, from),
    send(`a${n}`, `s${n}`, 'jobs', `${n}-0`, from + 1, { parent: `req-a${n}` }),
    process(`b${n}`, `p${n}`, 'jobs', `${n}-0`, from + 3),
  ]

  test('doctor-2: a hop that lost its context is named with producer, destination, consumer, count and fix', () => {
    const { findings } = examine([...lost(1, 0), ...lost(2, 100), ...lost(3, 200), ...frame()])
    expect(findings).toHaveLength(1)
    const [finding] = findings
    expect(finding).toMatchObject({
      rule: 'MQ-CONTEXT-LOST',
      level: 'certain',
      count: 3,
      hop: { system: 'redis', producer: 'gateway', destination: 'jobs', consumer: 'worker' },
    })
    expect(finding?.fix).toContain('traceProducer(redis)')
    expect(finding?.fix).toContain('traceHandler')
  })

  test('doctor-5: a link either way is a connection', () => {
    const linking = process('b1', 'p1', 'jobs', '1-0', 3, { links: ['a1/s1'] })
    const linked = send('a2', 's2', 'jobs', '2-0', 1, { links: ['b2/p2'] })
    const ancestor: Made = {
      trace: 'b3',
      id: 'run',
      name: 'run',
      service: 'worker',
      from: 0,
      to: 50,
      links: ['a3/s3'],
    }
    const spans = [
      send('a1', 's1', 'jobs', '1-0', 1),
      linking,
      linked,
      process('b2', 'p2', 'jobs', '2-0', 3),
      send('a3', 's3', 'jobs', '3-0', 1),
      ancestor,
      process('b3', 'p3', 'jobs', '3-0', 3, { parent: 'run' }),
    ]
    expect(verdict(examine([...spans, ...frame()]))).toEqual([])
  })

  test('doctor-5: fan-out, redelivery and a deduplicated add are no loss', () => {
    const fanOut = ['billing', 'mail', 'audit'].map((group, i) =>
      process('a1', `g${i}`, 'jobs', '1-0', 5 + i, {
        parent: 's-a1',
        service: group,
        facts: { 'messaging.consumer.group.name': group },
      }),
    )
    const again = process('a1', 'again', 'jobs', '1-0', 40, {
      parent: 's-a1',
      facts: { 'waybill.delivery.attempt': 2 },
    })
    const winner = healthy('w', '9', 100)
    const loser = [request('l', 101), send('l', 's-l', 'jobs', '9', 102, { parent: 'req-l' })]
    expect(
      verdict(examine([...healthy('a1', '1-0', 0), ...fanOut, again, ...winner, ...loser, ...frame()])),
    ).toEqual([])
  })

  test('doctor-5: the dead-letter hop is judged by itself, and a redrive is a send of its own', () => {
    const dead = process('a1', 'dead', 'jobs.dlq', '1-0', 60, { parent: 's-a1' })
    const redriven = [
      send('a1', 'redrive', 'jobs', '1-0', 70, { parent: 'dead' }),
      process('a1', 'p2', 'jobs', '1-0', 75, { parent: 'redrive' }),
    ]
    expect(verdict(examine([...healthy('a1', '1-0', 0), dead, ...redriven, ...frame()]))).toEqual([])
  })

  test("doctor-5: a scheduler's iterations were sent by nobody", () => {
    const iteration = (n: number): Made => process(`t${n}`, `t${n}`, 'jobs', `repeat:tick:${n}`, n * 100)
    const marked = process('m', 'm', 'jobs', '77', 900, { facts: { 'waybill.root.reason': 'scheduled' } })
    expect(
      verdict(examine([...healthy('a', '1', 0), iteration(1), iteration(2), marked, ...frame()])),
    ).toEqual([])
  })

  test('doctor-6: one lost attempt of three is info, and named', () => {
    const attempts = [
      process('a1', 'one', 'jobs', '7', 3, { parent: 's7', facts: { 'waybill.delivery.attempt': 1 } }),
      process('x', 'two', 'jobs', '7', 13, { facts: { 'waybill.delivery.attempt': 2 } }),
      process('a1', 'three', 'jobs', '7', 23, { parent: 's7', facts: { 'waybill.delivery.attempt': 3 } }),
    ]
    const diagnosis = examine([send('a1', 's7', 'jobs', '7', 1), ...attempts, ...frame()])
    expect(verdict(diagnosis)).toEqual(['MQ-CONTEXT-LOST info ×1'])
    expect(diagnosis.findings[0]?.evidence[0]?.text).toBe('attempt 2 of entry 7 lost it')
    // Only what is certain counts among what the fixes would join.
    expect(diagnosis.tracesAfter).toBe(diagnosis.traces)
  })

  test('doctor-7: ids that begin anew at 1 pair within their generation only', () => {
    const first = healthy('a1', '1', 0)
    const second = [send('a2', 's2', 'jobs', '1', 1_000), process('b2', 'p2', 'jobs', '1', 1_003)]
    const { findings } = examine([...first, ...second, ...frame()])
    expect(findings.map(({ evidence }) => evidence[0]?.spans)).toEqual([
      [expect.stringMatching(/7332$/), expect.stringMatching(/7032$/)],
    ])
    // The send of a later generation is not that of an earlier delivery.
    const early = [
      process('b1', 'p1', 'jobs', '1', 0),
      send('a2', 's2', 'jobs', '1', 1_000),
      process('a2', 'p2', 'jobs', '1', 1_003, { parent: 's2' }),
    ]
    expect(examine([...early, ...frame()]).findings.filter(({ level }) => level === 'certain')).toEqual([])
    const alone = early.slice(0, 2)
    expect(examine([...alone, ...frame()]).findings.filter(({ level }) => level === 'certain')).toEqual([])
  })

  test('doctor-4: without ids no pair is claimed, only the hop', () => {
    const anonymous = [1, 2, 3].flatMap((n) => [
      send(`a${n}`, `s${n}`, 'jobs', undefined, n * 10),
      process(`b${n}`, `p${n}`, 'jobs', undefined, n * 10 + 3),
    ])
    const diagnosis = examine([...anonymous, ...frame()])
    expect(verdict(diagnosis)).toEqual(['MQ-CONTEXT-LOST probable ×3'])
    for (const { traces } of diagnosis.findings[0]?.evidence ?? []) expect(traces).toHaveLength(1)
    expect(diagnosis.tracesAfter).toBe(diagnosis.traces)
    expect(diagnosis.limits.join()).toContain('never paired by time')
  })

  test('doctor-8: an untraced producer is R3 and not R1; an untraced consumer is R4', () => {
    expect(verdict(examine([process('b', 'p', 'jobs', '1-0', 0), ...frame()]))).toEqual([
      'MQ-PRODUCER-UNTRACED probable ×1',
    ])
    const sends = [1, 2, 3].map((n) => send(`a${n}`, `s${n}`, 'jobs', `${n}-0`, n))
    expect(verdict(examine([...sends, ...frame()]))).toEqual(['MQ-CONSUMER-UNTRACED probable ×3'])
    expect(verdict(examine(sends.slice(1).concat(frame())))).toEqual([])
    expect(verdict(examine([...sends, ...frame()], { writeOnly: ['jo*'] }))).toEqual([])
  })

  test('doctor-9: at the ends of the window what is missing is info', () => {
    const [, last] = frame()
    const cutBefore = [process('b', 'p', 'jobs', '1-0', 0), { ...last!, from: 10_000 }]
    expect(verdict(examine(cutBefore))).toEqual(['MQ-PRODUCER-OUTSIDE-WINDOW info ×1'])
    const orphanEarly: Made = { trace: 'o', id: 'o', parent: 'gone', from: 0 }
    expect(verdict(examine([orphanEarly, { ...last!, from: 10_000 }]))).toEqual([
      'ORPHAN-PARENT-MISSING info ×1',
    ])
    const young = [1, 2, 3].map((n) => send(`a${n}`, `s${n}`, 'jobs', `${n}-0`, 9_500 + n))
    expect(verdict(examine([frame()[0]!, ...young]))).toEqual([])
  })

  test('doctor-10: half of the sends sampled out leave nothing certain', () => {
    const spans = Array.from({ length: 20 }, (_, n) =>
      n % 2 === 0
        ? healthy(`a${n}`, `${n}-0`, n * 10)
        : [process(`b${n}`, `b${n}`, 'jobs', `${n}-0`, n * 10)],
    ).flat()
    const { findings } = examine([...spans, ...frame()])
    expect(findings.map(({ level }) => level)).toEqual(['info'])
    expect(findings[0]?.message).toContain('sampled out')
    // Ids on both sides, and none that fits: also where only one send is missing.
    const one = [1, 2, 3, 4].flatMap((n) => healthy(`h${n}`, `${n}-1`, n * 10))
    const missing = examine([...one, process('m', 'm', 'jobs', '9-9', 60), ...frame()])
    expect(verdict(missing)).toEqual(['MQ-CONTEXT-LOST info ×1'])
    // Without ids the numbers tell: far more deliveries than sends.
    const bare = spans.map((span) => ({ ...span, facts: { ...span.facts, 'messaging.message.id': '' } }))
    expect(examine([...bare, ...frame()]).findings.filter(({ level }) => level !== 'info')).toEqual([])
  })

  test('a restart on purpose is none', () => {
    expect(verdict(examine([...lost(1, 0), ...frame()], { restart: ['jobs'] }))).toEqual([])
    const untrusted = lost(1, 0).map((span) =>
      span.kind === 'CONSUMER'
        ? { ...span, facts: { ...span.facts, 'waybill.root.reason': 'untrusted' } }
        : span,
    )
    expect(verdict(examine([...untrusted, ...frame()]))).toEqual([])
  })

  test('under spans that only poll, a delivery is as good as a root', () => {
    const poll: Made = {
      trace: 'b1',
      id: 'poll',
      name: 'poll',
      kind: 'CLIENT',
      service: 'worker',
      from: 0,
      to: 50,
      facts: { 'messaging.operation.type': 'receive', 'messaging.destination.name': 'jobs' },
    }
    const spans = [
      send('a1', 's1', 'jobs', '1-0', 1),
      poll,
      process('b1', 'p1', 'jobs', '1-0', 3, { parent: 'poll' }),
    ]
    expect(verdict(examine([...spans, ...frame()]))).toEqual(['MQ-CONTEXT-LOST certain ×1'])
  })

  test('doctor-41: a second healthy producer, or group, tells the side; without one both are named', () => {
    const side = (spans: readonly Made[]) => examine([...spans, ...frame()]).findings[0]
    const alone = side(lost(1, 0))
    expect(alone?.side).toBe('unknown')
    expect(alone?.fix).toContain('waybill-doctor peek')
    const otherProducer = [
      send('h', 'hs', 'jobs', '50-0', 1, { service: 'billing' }),
      process('h', 'hp', 'jobs', '50-0', 3, { parent: 'hs' }),
    ]
    expect(side([...lost(1, 0), ...otherProducer])).toMatchObject({
      side: 'producer',
      fix: expect.stringMatching(/^traceProducer.* in gateway$/),
    })
    const otherReader = process('a1', 'audit', 'jobs', '1-0', 4, { parent: 's1', service: 'audit' })
    expect(side([...lost(1, 0), otherReader])).toMatchObject({
      side: 'consumer',
      fix: expect.stringMatching(/^traceHandler.* in worker$/),
    })
    const group = (name: string) => ({ 'messaging.consumer.group.name': name })
    const groups = lost(1, 0).map((span) =>
      span.kind === 'CONSUMER' ? { ...span, facts: { ...span.facts, ...group('a') } } : span,
    )
    const otherGroup = process('a1', 'other', 'jobs', '1-0', 4, { parent: 's1', facts: group('b') })
    expect(side([...groups, otherGroup])?.side).toBe('consumer')
    const reason = lost(1, 0).map((span) =>
      span.kind === 'CONSUMER'
        ? { ...span, facts: { ...span.facts, 'waybill.root.reason': 'no_carrier' } }
        : span,
    )
    expect(side(reason)?.side).toBe('producer')
    // A send of Waybill has written its context: whoever did not read it is the other side.
    const ours = lost(1, 0).map((span) =>
      span.kind === 'PRODUCER' ? { ...span, scope: '@waybill/redis-streams' } : span,
    )
    expect(side(ours)?.side).toBe('consumer')
  })
})

describe('stale parent', () => {
  const startup = (to: number): Made => ({
    trace: 'boot',
    id: 'boot',
    name: 'service startup',
    service: 'worker',
    from: -500,
    to,
  })
  const stale = (n: number): Made[] => [
    send(`a${n}`, `s${n}`, 'jobs', `${n}-0`, n * 10),
    process('boot', `p${n}`, 'jobs', `${n}-0`, n * 10 + 3, { parent: 'boot' }),
  ]

  test('doctor-3: messages under a span that had ended are certain', () => {
    const diagnosis = examine([startup(-400), ...stale(1), ...stale(2), ...frame()])
    expect(verdict(diagnosis)).toEqual(['MQ-STALE-PARENT certain ×2'])
    expect(diagnosis.findings[0]?.message).toContain("processed under 'service startup' of worker")
  })

  test('doctor-3: under a span that was open around all of them it is probable, and with links it is none', () => {
    expect(verdict(examine([startup(500), ...stale(1), ...stale(2), ...frame()]))).toEqual([
      'MQ-STALE-PARENT probable ×2',
    ])
    const linked = [...stale(1), ...stale(2)].map((span, i) =>
      span.kind === 'CONSUMER' ? { ...span, links: [`a${(i + 1) / 2}/s${(i + 1) / 2}`] } : span,
    )
    expect(verdict(examine([startup(500), ...linked, ...frame()]))).toEqual([])
  })

  test('a foreign parent that is not in the export is probable', () => {
    expect(verdict(examine([...stale(1), ...frame()]))).toEqual(['MQ-STALE-PARENT probable ×1'])
  })

  test('without ids three messages under one span that ended are certain, two are nothing', () => {
    const bare = [1, 2, 3]
      .flatMap(stale)
      .map((span) => ({ ...span, facts: { ...span.facts, 'messaging.message.id': '' } }))
    expect(verdict(examine([startup(-400), ...bare, ...frame()]))).toEqual(['MQ-STALE-PARENT certain ×3'])
    expect(verdict(examine([startup(-400), ...bare.slice(0, 4), ...frame()]))).toEqual([])
  })

  test('children of one bulk add are no stale parents', () => {
    const bulk = send('a', 'bulk', 'jobs', undefined, 0)
    const children = [1, 2, 3, 4].map((n) =>
      process('a', `p${n}`, 'jobs', `${n}`, n * 10, { parent: 'bulk' }),
    )
    expect(verdict(examine([bulk, ...children, ...frame()]))).toEqual([])
  })

  test('doctor-28: what hangs in a foreign trace does not join traces', () => {
    const diagnosis = examine([startup(-400), ...stale(1), ...stale(2), ...frame()])
    expect(diagnosis.tracesAfter).toBe(diagnosis.traces)
  })
})

describe('housekeeping', () => {
  test('doctor-11: roots of BullMQ, MCP, polls and cron are no findings', () => {
    const bullmq = [
      'startStalledCheckTimer',
      'moveStalledJobsToWait',
      'extendLocks',
      'close',
      'obliterate',
      'pause',
      'resume',
      'drain',
      'clean',
      'getNextJob',
    ]
    const roots: Made[] = bullmq.map((name, i) => ({
      trace: `h${i}`,
      id: `h${i}`,
      name: `${name} jobs`,
      service: 'worker',
      from: 1 + i,
      facts: { 'bullmq.queue.name': 'jobs' },
    }))
    const scheduler: Made = {
      trace: 'sch',
      id: 'sch',
      name: 'add jobs.tick',
      kind: 'PRODUCER',
      service: 'worker',
      from: 2,
      facts: {
        'bullmq.queue.name': 'jobs',
        'bullmq.job.scheduler.id': 'tick',
        'bullmq.job.id': 'repeat:tick:1',
      },
    }
    const mcp = ['initialize', 'server/discover', 'ping'].map((method): Made => ({
      trace: `m${method}`,
      id: `m${method}`,
      name: method,
      kind: 'SERVER',
      service: 'worker',
      from: 3,
      facts: { 'mcp.method.name': method },
    }))
    const poll: Made = {
      trace: 'poll',
      id: 'poll',
      name: 'poll jobs',
      kind: 'CLIENT',
      service: 'worker',
      from: 4,
      facts: { 'messaging.operation.type': 'receive', 'messaging.destination.name': 'jobs' },
    }
    const cron: Made = { trace: 'cron', id: 'cron', name: 'nightly cron', service: 'worker', from: 4 }
    expect(
      verdict(
        examine([...healthy('a', '1', 0, { to: 50 }), ...roots, scheduler, ...mcp, poll, cron, ...frame()]),
      ),
    ).toEqual([])
    const named: Made = { trace: 'sweep', id: 'sweep', name: 'sweep', service: 'worker', from: 4 }
    const around = healthy('a', '1', 0, { to: 50 })
    const inner: Made = {
      trace: 'a',
      id: 'inner',
      parent: 'p-a',
      name: 'inner',
      service: 'worker',
      from: 3,
      to: 50,
    }
    expect(verdict(examine([...around, inner, named, ...frame()]))).toEqual(['ROOT-MID-SEQUENCE info ×1'])
    expect(verdict(examine([...around, inner, named, ...frame()], { ignoreRoots: ['swe*'] }))).toEqual([])
  })
})

describe('tools', () => {
  const call = { 'mcp.method.name': 'tools/call', 'gen_ai.tool.name': 'search', 'jsonrpc.request.id': '7' }

  test('doctor-12: an INTERNAL or CLIENT root is certain, a lone SERVER probable, with its client certain', () => {
    const internal: Made = {
      trace: 't',
      id: 't',
      scope: 'langchain',
      service: 'agent',
      from: 0,
      facts: { 'gen_ai.operation.name': 'execute_tool' },
    }
    const found = examine([internal, ...frame()])
    expect(verdict(found)).toEqual(['TOOL-ROOT certain ×1'])
    expect(found.findings[0]?.message).toContain('langchain')
    expect(verdict(examine([{ ...internal, kind: 'CLIENT' }, ...frame()]))).toEqual(['TOOL-ROOT certain ×1'])
    const server: Made = {
      trace: 's',
      id: 's',
      kind: 'SERVER',
      service: 'tools',
      from: 2,
      to: 8,
      facts: call,
    }
    expect(verdict(examine([server, ...frame()]))).toEqual(['TOOL-ROOT probable ×1'])
    const agent: Made = { trace: 'c', id: 'agent', name: 'agent', service: 'agent', from: 0, to: 12 }
    const client: Made = {
      trace: 'c',
      id: 'c',
      parent: 'agent',
      kind: 'CLIENT',
      service: 'agent',
      from: 1,
      to: 10,
      facts: call,
    }
    expect(verdict(examine([agent, client, server, ...frame()]))).toEqual(['TOOL-ROOT certain ×1'])
    const earlier = { ...client, from: -50, to: -40 }
    expect(verdict(examine([{ ...agent, from: -60 }, earlier, server, ...frame()]))).toEqual([
      'TOOL-ROOT probable ×1',
    ])
    const sentry = examine([{ ...server, scope: 'sentry.mcp' }, ...frame()])
    expect(sentry.findings[0]?.message).toContain('Sentry')
  })

  test('doctor-12: a tool under a session that is older than its agent', () => {
    const session: Made = {
      trace: 'm',
      id: 'session',
      name: 'mcp.client.session',
      kind: 'CLIENT',
      service: 'agent',
      from: -100,
      to: 500,
    }
    const agent: Made = {
      trace: 'c',
      id: 'agent',
      name: 'invoke_agent planner',
      service: 'agent',
      from: 0,
      to: 100,
      facts: { 'gen_ai.operation.name': 'invoke_agent' },
    }
    const tool: Made = {
      trace: 'm',
      id: 'tool',
      parent: 'session',
      kind: 'CLIENT',
      service: 'agent',
      from: 10,
      to: 20,
      facts: { 'traceloop.span.kind': 'tool', 'traceloop.entity.name': 'search' },
    }
    expect(verdict(examine([session, agent, tool, ...frame()]))).toEqual(['TOOL-STALE-SESSION probable ×1'])
  })
})

describe('gaps', () => {
  const hop = (
    gap: number,
    facts: Record<string, number | string> = {},
    more: Partial<Made> = {},
  ): Made[] => {
    const request: Made = { trace: 'g', id: 'req', kind: 'SERVER', service: 'gateway', from: 0, to: 100 }
    const delivery = process('g', 'p', 'jobs', '1-0', 100 + gap, { parent: 's', to: 600, ...more })
    return [
      request,
      send('g', 's', 'jobs', '1-0', 90, { parent: 'req', to: 100 }),
      { ...delivery, facts: { ...without(delivery, 'waybill.transit.time').facts, ...facts } },
    ]
  }
  const without = (span: Made, key: string): Made => ({
    ...span,
    facts: Object.fromEntries(Object.entries(span.facts ?? {}).filter(([name]) => name !== key)),
  })

  test('doctor-13: 50 ms are found, 5 ms are not, and a wait that is told by any name is none', () => {
    expect(verdict(examine([...hop(50), ...frame()]))).toEqual(['UNEXPLAINED-GAP certain ×1'])
    expect(verdict(examine([...hop(5), ...frame()]))).toEqual([])
    for (const alias of [
      'waybill.transit.time',
      'messaging.message.receive.latency',
      'kafka.record.queue_time_ms',
      'rabbitmq.record.queue_time_ms',
    ])
      expect(verdict(examine([...hop(50, { [alias]: 50 }), ...frame()])), alias).toEqual([])
    const because = (reason: string) =>
      verdict(examine([...hop(50, { 'waybill.transit.unknown': reason }), ...frame()]))
    expect(because('flow_parent')).toEqual([])
    expect(because('no_timestamp')).toEqual(['UNEXPLAINED-GAP certain ×1'])
    const onLink = hop(50, {}, { links: [{ to: 'g/s', facts: { 'waybill.transit.time': 0.05 } }] })
    expect(verdict(examine([...onLink, ...frame()]))).toEqual([])
  })

  test('doctor-14: a delay that was asked for is no gap, what is on top is', () => {
    const delay = { 'waybill.transit.scheduled_delay': 0.5 }
    expect(verdict(examine([...hop(500, delay, { to: 1_200 }), ...frame()]))).toEqual([])
    const found = examine([...hop(600, delay, { to: 1_200 }), ...frame()])
    expect(verdict(found)).toEqual(['UNEXPLAINED-GAP certain ×1'])
    expect(found.findings[0]?.evidence[0]?.text).toMatch(/^100 ms /)
  })

  test('doctor-15: an opaque agent is told as such, never as time in a queue', () => {
    const agent: Made = {
      trace: 'o',
      id: 'agent',
      name: 'invoke_agent research',
      service: 'agent',
      from: 0,
      to: 1_000,
      facts: { 'gen_ai.operation.name': 'invoke_agent' },
    }
    const child: Made = {
      trace: 'o',
      id: 'chat',
      parent: 'agent',
      name: 'chat',
      service: 'agent',
      from: 100,
      to: 300,
    }
    const found = examine([agent, child, ...frame()])
    expect(verdict(found)).toEqual(['OPAQUE-AGENT-LOOP info ×1'])
    expect(found.findings[0]?.message).not.toMatch(/queue|transit/)
    expect(verdict(examine([agent, { ...child, to: 700 }, ...frame()]))).toEqual([])
  })

  test('doctor-15: an agent that waits for what it has asked of another over a queue is not opaque', () => {
    const facts = { 'gen_ai.operation.name': 'invoke_agent' }
    const agent: Made = { trace: 'o', id: 'agent', service: 'agent', from: 0, to: 1_000, facts }
    const asked = [
      send('o', 's', 'jobs', '1-0', 90, { parent: 'agent', to: 91 }),
      process('o', 'p', 'jobs', '1-0', 92, { parent: 's', to: 900 }),
    ]
    expect(verdict(examine([agent, ...asked, ...frame()]))).toEqual([])
    const late = asked.map((span) => (span.id === 'p' ? { ...span, to: 480 } : span))
    expect(verdict(examine([agent, ...late, ...frame()]))).toEqual(['OPAQUE-AGENT-LOOP info ×1'])
  })

  test('an idle stretch of a trace is probable, unless a person was asked', () => {
    const idle: Made[] = [
      { trace: 'i', id: 'one', from: 0, to: 10 },
      { trace: 'i', id: 'two', parent: 'one', from: 100, to: 110 },
    ]
    expect(verdict(examine([...idle, ...frame()]))).toEqual(['UNEXPLAINED-GAP probable ×1'])
    const asked = idle.map((span) => ({ ...span, facts: { 'mcp.method.name': 'elicitation/create' } }))
    expect(verdict(examine([...asked, ...frame()]))).toEqual([])
  })

  test('doctor-17: a delivery before the end of its send is no skew; 200 ms before its start is, and its gaps are not judged', () => {
    const soon = [
      send('k', 's', 'jobs', '1-0', 0, { to: 10 }),
      process('k', 'p', 'jobs', '1-0', 4, { parent: 's' }),
    ]
    expect(verdict(examine([...soon, ...frame()]))).toEqual([])
    const skewed = [
      send('k', 's', 'jobs', '1-0', 200),
      process('k', 'p', 'jobs', '1-0', 0, { parent: 's' }),
      // Of the same services, and with a gap that nobody can believe.
      ...[
        send('l', 's2', 'jobs', '2-0', 0),
        process('l', 'p2', 'jobs', '2-0', 2_000, { parent: 's2', facts: {} }),
      ].map((span) => without(span, 'waybill.transit.time')),
    ]
    const found = examine([...skewed, ...frame()])
    expect(verdict(found)).toEqual(['CLOCK-SKEW probable ×1'])
    expect(found.findings[0]?.evidence[0]?.text).toContain('200 ms before')
    const oneHost = [
      send('k', 's', 'jobs', '1-0', 4, { host: 'h' }),
      process('k', 'p', 'jobs', '1-0', 0, { parent: 's', host: 'h' }),
    ]
    expect(verdict(examine([...oneHost, ...frame()]))).toEqual([])
  })

  test('doctor-18: spans that Jaeger has moved are judged for neither gap nor skew', () => {
    const moved = hop(50).map((span) => ({ ...span, adjusted: true }))
    const found = examine([...moved, ...frame()])
    expect(verdict(found)).toEqual([])
    expect(found.limits.join()).toContain('Jaeger has moved spans')
    const early = [
      send('k', 's', 'jobs', '1-0', 200),
      process('k', 'p', 'jobs', '1-0', 0, { parent: 's', adjusted: true }),
    ]
    expect(verdict(examine([...early, ...frame()]))).toEqual([])
  })
})

describe('orphans, batches and the rest', () => {
  test('doctor-16: the flags tell why a parent is missing, and context was not lost', () => {
    const orphan = (flags: number) =>
      examine([{ trace: 'o', id: 'o', parent: 'gone', service: 'worker', from: 0, flags }, ...frame()])
    const [remote] = orphan(0x301).findings
    const [local] = orphan(0x101).findings
    expect(verdict(orphan(0x301))).toEqual(['ORPHAN-PARENT-MISSING probable ×1'])
    expect(remote?.message).toContain('in another process')
    expect(local?.message).toContain('never ended')
    for (const finding of [remote, local]) expect(finding?.message).toContain('context was NOT lost')
  })

  test('doctor-21: in a partial export what is missing is info', () => {
    const partial = { partial: true }
    const orphan: Made = { trace: 'o', id: 'o', parent: 'gone', from: 0 }
    const sends = [1, 2, 3].map((n) => send(`a${n}`, `s${n}`, 'other', `${n}-0`, n))
    const spans = [orphan, process('b', 'p', 'jobs', '1-0', 0), ...sends, ...frame()]
    expect(examine(spans).findings.map(({ level }) => level)).toEqual(['probable', 'probable', 'probable'])
    const found = examine(spans, {}, partial)
    expect(found.findings.map(({ level }) => level)).toEqual(['info', 'info', 'info'])
    expect(found.limits.join()).toContain('PARTIAL')
  })

  test('doctor-22: where a format has no links, a delivery that may be linked is not certain', () => {
    const spans = [send('a', 's', 'jobs', '1-0', 1), process('b', 'p', 'jobs', '1-0', 3)]
    const zipkin = { formats: ['zipkin'] as const }
    expect(verdict(examine([...spans, ...frame()], {}, zipkin))).toEqual(['MQ-CONTEXT-LOST certain ×1'])
    expect(verdict(examine([...spans, ...frame()], { linked: ['jobs'] }, zipkin))).toEqual([
      'MQ-CONTEXT-LOST info ×1',
    ])
    const ours = spans.map((span) => ({ ...span, scope: '@waybill/redis-streams' }))
    expect(verdict(examine([...ours, ...frame()], {}, zipkin))).toEqual(['MQ-CONTEXT-LOST info ×1'])
    // Exporters write no scope: ours are known by their attempt, and batches link by convention.
    for (const facts of [{ 'waybill.delivery.attempt': '1' }, { 'messaging.batch.message_count': '2' }]) {
      const exported = spans.map((span) => ({ ...span, facts: { ...span.facts, ...facts } }))
      const [finding] = examine([...exported, ...frame()], {}, zipkin).findings
      expect([finding?.level, finding?.fix]).toEqual(['info', expect.stringContaining("relation: 'parent'")])
    }
    const lost = spans.map((span) => ({
      ...span,
      facts: { ...span.facts, 'waybill.delivery.attempt': '1', 'waybill.root.reason': 'no_carrier' },
    }))
    expect(verdict(examine([...lost, ...frame()], {}, zipkin))).toEqual(['MQ-CONTEXT-LOST certain ×1'])
    expect(examine(spans, {}, zipkin).limits.join()).toContain('Zipkin has no links')
  })

  test('doctor-38: a transit span that is a root is our own fault', () => {
    const transit: Made = {
      trace: 't',
      id: 't',
      name: 'transit jobs',
      service: 'worker',
      from: 0,
      facts: { 'messaging.operation.name': 'transit', 'messaging.destination.name': 'jobs' },
    }
    const found = examine([transit, ...frame()])
    expect(verdict(found)).toEqual(['TRANSIT-ROOT certain ×1'])
    expect(found.findings[0]?.fix).toContain('fault of Waybill')
  })

  test('work under a batch of several traces belongs to no message; dropped links are told', () => {
    const batch = process('b', 'batch', 'jobs', undefined, 0, {
      to: 50,
      links: ['a1/s1', 'a2/s2'],
      droppedLinks: 172,
    })
    const work: Made = { trace: 'b', id: 'work', parent: 'batch', name: 'execute_tool x', from: 1, to: 5 }
    const own = process('b', 'own', 'jobs', '9-0', 6, { parent: 'batch' })
    const below: Made = { trace: 'b', id: 'below', parent: 'own', name: 'fine', from: 7 }
    expect(verdict(examine([batch, work, own, below, ...frame()]))).toEqual([
      'LINKS-DROPPED info ×172',
      'BATCH-UNATTRIBUTED info ×1',
    ])
  })

  test('one conversation in several traces is told, unless a link or a turn of the user explains it', () => {
    const talk = (trace: string, from: number, more: Partial<Made> = {}): Made => ({
      trace,
      id: trace,
      service: trace,
      name: 'turn',
      from,
      facts: { 'session.id': 'x' },
      ...more,
    })
    expect(verdict(examine([talk('a', 0), talk('b', 100), ...frame()]))).toEqual([
      'TRACE-ID-DISCONTINUITY probable ×1',
    ])
    expect(verdict(examine([talk('a', 0), talk('b', 100, { links: ['a/a'] }), ...frame()]))).toEqual([])
    expect(
      verdict(examine([talk('a', 0, { kind: 'SERVER' }), talk('b', 100, { kind: 'SERVER' }), ...frame()])),
    ).toEqual([])
  })
})
