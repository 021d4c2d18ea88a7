import { once } from 'node:events'
import net from 'node:net'

/** A way to the broker that can be cut. */
export interface TcpProxy {
  readonly url: string
  /** Drops every connection at once, as a network does: with no goodbye. New ones are refused until `mend`. */
  cut(): void
  mend(): void
  close(): Promise<void>
}

/** @param broker url of the broker */
export async function tcpProxy(broker: string, { isCut = false } = {}): Promise<TcpProxy> {
  const target = new URL(broker)
  const sockets = new Set<net.Socket>()
  let refuses = isCut
  const server = net.createServer((near) => {
    if (refuses) {
      near.resetAndDestroy()
      return
    }
    const far = net.connect(Number(target.port), target.hostname)
    for (const socket of [near, far]) {
      sockets.add(socket)
      socket.on('error', () => undefined)
      socket.on('close', () => {
        sockets.delete(socket)
        near.destroy()
        far.destroy()
      })
    }
    near.pipe(far)
    far.pipe(near)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const url = new URL(broker)
  url.host = `127.0.0.1:${port}`
  const cut = (): void => {
    refuses = true
    for (const socket of sockets) socket.resetAndDestroy()
  }
  return {
    url: url.href,
    cut,
    mend() {
      refuses = false
    },
    async close() {
      cut()
      await new Promise((closed) => server.close(closed))
    },
  }
}
