import { spawnSync } from 'node:child_process'
import { realpathSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { greetAmqp } from '../handshake/amqp.ts'
import { freePorts } from '../ports.ts'
import { brokerFolder, type NativeBroker, startChild } from './child.ts'
import { findProgram, needProgram } from './program.ts'

// Debian's real start script: the one on PATH is a wrapper that calls su.
const debianServer = '/usr/lib/rabbitmq/bin/rabbitmq-server'

export async function nativeRabbitmq(): Promise<NativeBroker> {
  const program = serverProgram()
  const [port, distributionPort, epmdPort] = (await freePorts(3)) as [number, number, number]
  const folder = await brokerFolder('rabbitmq')
  const at = (name: string) => path.join(folder, name)
  await fs.writeFile(at('rabbitmq.conf'), settings(port, hasInterceptor(realpathSync(program))))
  await fs.writeFile(at('enabled_plugins'), '[].\n')
  // Every path and port is its own, so that neither a system-wide RabbitMQ nor a second one of ours is touched.
  // RABBITMQ_ALLOW_INPUT must stay unset: with no standard input Erlang would end at once.
  const env = {
    ...process.env,
    HOME: folder, // where Erlang keeps its cookie
    RUNNING_UNDER_SYSTEMD: 'true', // the script then becomes the Erlang VM instead of waiting for it
    RABBITMQ_NODENAME: `waybill${port}@localhost`,
    RABBITMQ_MNESIA_BASE: at('db'),
    RABBITMQ_LOG_BASE: at('log'),
    RABBITMQ_LOGS: '-',
    RABBITMQ_PID_FILE: at('pid'),
    RABBITMQ_CONFIG_FILE: at('rabbitmq.conf'),
    RABBITMQ_CONF_ENV_FILE: at('none'),
    RABBITMQ_ADVANCED_CONFIG_FILE: at('none.config'),
    RABBITMQ_ENABLED_PLUGINS_FILE: at('enabled_plugins'),
    RABBITMQ_GENERATED_CONFIG_DIR: at('generated'),
    RABBITMQ_FEATURE_FLAGS_FILE: at('feature_flags'),
    RABBITMQ_DIST_PORT: String(distributionPort),
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '-kernel inet_dist_use_interface {127,0,0,1}',
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
  }
  return startChild({
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    program,
    args: [],
    env,
    folder,
    greet: greetAmqp,
    timeoutMs: 90_000,
    // Erlang's port mapper is a daemon of its own and outlives the broker.
    afterwards: () => void spawnSync('epmd', ['-port', String(epmdPort), '-kill'], { env, stdio: 'ignore' }),
  })
}

function serverProgram(): string {
  const given = process.env['RABBITMQ_SERVER']
  if (given !== undefined) return needProgram(given)
  try {
    return needProgram(debianServer)
  } catch {
    const found = findProgram('rabbitmq-server')
    // The wrapper would start, as another user, a broker that reads none of our settings.
    if (found === undefined || found.startsWith('/usr/sbin/'))
      throw new Error('rabbitmq-server is not installed')
    return found
  }
}

/**
 * Whether the installed RabbitMQ knows the timestamp interceptor, which came with 3.12: Debian's 3.10 would not start with
 * it. The installation folder names the version, in Debian's packages and in the generic archive.
 */
export function hasInterceptor(program: string): boolean {
  const [, major, minor] = /rabbitmq_server-(\d+)\.(\d+)/.exec(program) ?? []
  return Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 12)
}

function settings(port: number, interceptor: boolean): string {
  return `listeners.tcp.1 = 127.0.0.1:${port}
loopback_users = none
log.console = true
log.console.level = info
log.file = false
disk_free_limit.absolute = 50MB
${interceptor ? 'message_interceptors.incoming.set_header_timestamp.overwrite = false\n' : ''}`
}
