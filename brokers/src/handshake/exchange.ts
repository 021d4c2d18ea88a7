import net from 'node:net'
import tls from 'node:tls'

export interface Address {
  readonly host: string
  readonly port: number
  readonly secure?: boolean
}

/** An IPv6 host is in brackets in a URL only. */
export function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1') || '127.0.0.1'
}

/**
 * One connection, one request, one answer. `read` gets everything received so far and returns undefined until it is
 * complete; it throws on an answer that cannot be right.
 *
 * A connect alone proves nothing: Docker's port proxy accepts before the broker listens and closes again.
 */
export function exchange<T>(
  address: Address,
  request: Buffer,
  read: (received: Buffer) => T | undefined,
  timeoutMs = 2000,
): Promise<T> {
  return new Promise((resolve, reject) => {
    let received: Buffer = Buffer.alloc(0)
    const { host, port, secure } = address
    const socket = secure
      ? tls.connect({ host, port, ...(net.isIP(host) ? {} : { servername: host }) })
      : net.connect({ host, port })
    const fail = (error: Error) => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    const timer = setTimeout(
      () => fail(new Error(`${host}:${port} did not answer in ${timeoutMs} ms`)),
      timeoutMs,
    )
    socket.on('error', (error: NodeJS.ErrnoException) =>
      fail(new Error(`${host}:${port}: ${error.code ?? error.message}`, { cause: error })),
    )
    socket.on('close', () => fail(new Error(`${host}:${port} closed the connection without an answer`)))
    socket.on(secure ? 'secureConnect' : 'connect', () => socket.write(request))
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
      let answer: T | undefined
      try {
        answer = read(received)
      } catch (error) {
        fail(error as Error)
        return
      }
      if (answer === undefined) return
      clearTimeout(timer)
      resolve(answer)
      socket.destroy()
    })
  })
}
