import { once } from 'node:events'
import net from 'node:net'
import { onTestFinished } from 'vitest'

/** A loopback server for one test; `serve` gets each connection. */
export async function tcpServer(
  serve: (socket: net.Socket) => void,
): Promise<{ host: string; port: number }> {
  const sockets = new Set<net.Socket>()
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { host: '127.0.0.1', port: (server.address() as net.AddressInfo).port }
}

/** Sends `answer` once `request` has come in full, byte for byte. */
export function answering(request: Buffer, answer: Buffer): (socket: net.Socket) => void {
  return (socket) => {
    let received: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      if (received.equals(request)) socket.write(answer)
    })
  }
}

/** In pieces, so that a reader which trusts a chunk to be a message fails. */
export async function dribble(socket: net.Socket, answer: Buffer): Promise<void> {
  for (const half of [answer.subarray(0, 5), answer.subarray(5, 9), answer.subarray(9)]) {
    socket.write(half)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
