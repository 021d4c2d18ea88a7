import { greetRedis } from '../handshake/redis.ts'
import { freePort } from '../ports.ts'
import { brokerFolder, type NativeBroker, startChild } from './child.ts'
import { needProgram } from './program.ts'

/** @param server name or path of the program */
export async function nativeRedis(server: string): Promise<NativeBroker> {
  const program = needProgram(server)
  const port = await freePort()
  const folder = await brokerFolder('redis')
  return startChild({
    url: `redis://127.0.0.1:${port}`,
    program,
    args: `--port ${port} --bind 127.0.0.1 --daemonize no --appendonly no`
      .split(' ')
      .concat('--save', '', '--dir', folder),
    folder,
    greet: greetRedis,
    timeoutMs: 10_000,
  })
}
