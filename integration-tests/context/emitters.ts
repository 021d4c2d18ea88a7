import { EventEmitter, on } from 'node:events'
import { PassThrough, Transform } from 'node:stream'
import { finished } from 'node:stream/promises'
import { bindContext, bindEmitter, pack, unpack, type Packed } from '@waybill/core'
import { EventEmitter as EventEmitter3 } from 'eventemitter3'
import { settled, type Case } from './case.ts'

/** Events and streams: a listener runs where somebody emits. */
export const emitterCases: readonly Case[] = [
  {
    name: 'a listener of an EventEmitter',
    verdict: 'wrong',
    scenario({ as, mark }) {
      const emitter = new EventEmitter()
      as('A', () => emitter.on('event', () => mark('A')))
      as('B', () => emitter.emit('event'))
    },
    mended: {
      by: 'bindEmitter',
      scenario({ as, mark }) {
        const emitter = bindEmitter(new EventEmitter())
        as('A', () => emitter.on('event', () => mark('A')))
        as('B', () => emitter.emit('event'))
      },
    },
  },
  {
    name: 'a listener of an EventEmitter that emits in no context',
    verdict: 'lost',
    scenario({ as, mark }) {
      const emitter = new EventEmitter()
      as('A', () => emitter.once('event', () => mark('A')))
      emitter.emit('event')
    },
    mended: {
      by: 'bindEmitter',
      scenario({ as, mark }) {
        const emitter = bindEmitter(new EventEmitter())
        as('A', () => emitter.once('event', () => mark('A')))
        emitter.emit('event')
      },
    },
  },
  {
    name: 'a listener of eventemitter3',
    verdict: 'wrong',
    scenario({ as, mark }) {
      const emitter = new EventEmitter3()
      as('A', () => emitter.on('event', () => mark('A')))
      as('B', () => emitter.emit('event'))
    },
    mended: {
      by: 'bindContext',
      scenario({ as, mark }) {
        const emitter = new EventEmitter3()
        as('A', () =>
          emitter.on(
            'event',
            bindContext(() => mark('A')),
          ),
        )
        as('B', () => emitter.emit('event'))
      },
    },
  },
  {
    name: 'a listener of an EventTarget',
    verdict: 'wrong',
    scenario({ as, mark }) {
      const target = new EventTarget()
      as('A', () => target.addEventListener('event', () => mark('A')))
      as('B', () => target.dispatchEvent(new Event('event')))
    },
    mended: {
      by: 'bindContext',
      scenario({ as, mark }) {
        const target = new EventTarget()
        as('A', () =>
          target.addEventListener(
            'event',
            bindContext(() => mark('A')),
          ),
        )
        as('B', () => target.dispatchEvent(new Event('event')))
      },
    },
  },
  {
    name: 'a listener of an AbortSignal',
    verdict: 'wrong',
    scenario({ as, mark }) {
      const controller = new AbortController()
      as('A', () => controller.signal.addEventListener('abort', () => mark('A')))
      as('B', () => controller.abort())
    },
    mended: {
      by: 'bindContext',
      scenario({ as, mark }) {
        const controller = new AbortController()
        as('A', () =>
          controller.signal.addEventListener(
            'abort',
            bindContext(() => mark('A')),
          ),
        )
        as('B', () => controller.abort())
      },
    },
  },
  {
    name: 'for await over events.on',
    verdict: 'right',
    async scenario({ as, mark }) {
      const emitter = new EventEmitter()
      const waiting = as('A', async () => {
        for await (const _event of on(emitter, 'event')) {
          mark('A')
          return
        }
      })
      as('B', () => emitter.emit('event'))
      await waiting
    },
  },
  {
    name: 'for await over a stream',
    verdict: 'right',
    async scenario({ as, mark }) {
      const stream = new PassThrough({ objectMode: true })
      const waiting = as('A', async () => {
        for await (const _chunk of stream) mark('A')
      })
      as('B', () => stream.end('chunk'))
      await waiting
    },
  },
  {
    name: "a stream's 'data' listener",
    verdict: 'wrong',
    async scenario({ as, mark }) {
      const stream = new PassThrough({ objectMode: true })
      const { promise, resolve } = settled()
      as('A', () => stream.on('data', () => resolve(mark('A'))))
      as('B', () => stream.write('chunk'))
      await promise
    },
    mended: {
      by: 'bindContext',
      async scenario({ as, mark }) {
        const stream = new PassThrough({ objectMode: true })
        const { promise, resolve } = settled()
        as('A', () =>
          stream.on(
            'data',
            bindContext(() => resolve(mark('A'))),
          ),
        )
        as('B', () => stream.write('chunk'))
        await promise
      },
    },
  },
  {
    name: 'a Transform that buffers',
    verdict: 'wrong',
    async scenario({ as, mark }) {
      const stream = new Transform({
        objectMode: true,
        transform(owner: string, _encoding, done) {
          mark(owner)
          setImmediate(done)
        },
      })
      for (const owner of ['A', 'B', 'C']) as(owner, () => stream.write(owner))
      await finished(stream.end().resume())
    },
    mended: {
      by: 'pack and unpack',
      async scenario({ as, mark }) {
        const handle = unpack(mark)
        const stream = new Transform({
          objectMode: true,
          transform(packed: Packed<string>, _encoding, done) {
            handle(packed)
            setImmediate(done)
          },
        })
        for (const owner of ['A', 'B', 'C']) as(owner, () => stream.write(pack(owner)))
        await finished(stream.end().resume())
      },
    },
  },
]
