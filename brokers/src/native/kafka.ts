import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { greetKafka } from '../handshake/kafka.ts'
import { kafkaSettings } from '../kafka-settings.ts'
import { freePorts } from '../ports.ts'
import { brokerFolder, type NativeBroker, startChild } from './child.ts'
import { needProgram } from './program.ts'

const logSettings = `rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
`

export async function nativeKafka(): Promise<NativeBroker> {
  const libs = kafkaLibs()
  const java = needProgram('java')
  const [port, controllerPort] = (await freePorts(2)) as [number, number]
  const folder = await brokerFolder('kafka')
  const at = (name: string) => path.join(folder, name)
  const settings = kafkaSettings({
    listen: `127.0.0.1:${port}`,
    advertise: `127.0.0.1:${port}`,
    controller: `127.0.0.1:${controllerPort}`,
    dataFolder: at('data'),
  })
  const properties = Object.entries(settings).map(([key, value]) => `${key}=${value}\n`)
  await fs.writeFile(at('server.properties'), properties.join(''))
  await fs.writeFile(at('log4j2.properties'), logSettings)
  const small = '-Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true'.split(
    ' ',
  )
  const logging = `-Dlog4j2.configurationFile=file:${at('log4j2.properties')}`
  const jvm = ['-cp', path.join(libs, '*'), logging, ...small]
  await formatStorage(java, jvm, at('server.properties'))
  return startChild({
    url: `127.0.0.1:${port}`,
    program: java,
    args: [...jvm, 'kafka.Kafka', at('server.properties')],
    folder,
    greet: greetKafka,
    timeoutMs: 60_000,
  })
}

/** KAFKA_HOME, or what `scripts/` has put beside the tools. */
function kafkaLibs(): string {
  const home = process.env['KAFKA_HOME'] ?? path.resolve(import.meta.dirname, '../../../.toolchain/kafka')
  const libs = path.join(home, 'libs')
  if (!existsSync(libs)) throw new Error('Kafka is not installed')
  return libs
}

async function formatStorage(java: string, jvm: string[], properties: string): Promise<void> {
  const clusterId = 'waybill-one-node-clust' // any 16 bytes in base64
  const tool = ['kafka.tools.StorageTool', 'format', '--cluster-id', clusterId, '--config', properties]
  await promisify(execFile)(java, [...jvm, ...tool])
}
