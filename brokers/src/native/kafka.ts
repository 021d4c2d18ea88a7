import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import fs from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { greetKafka } from '../handshake/kafka.ts'
import { type KafkaCluster, kafkaSettings } from '../kafka-settings.ts'
import { freePorts } from '../ports.ts'
import { brokerFolder, type NativeBroker, startChild } from './child.ts'
import { needProgram } from './program.ts'

/** The same for all nodes of a cluster: any 16 bytes in base64. */
export const CLUSTER_ID = 'waybill-one-node-clust'

const logSettings = `rootLogger.level=warn
rootLogger.appenderRef.c.ref=C
appender.c.type=Console
appender.c.name=C
appender.c.layout.type=PatternLayout
`

export async function nativeKafka(): Promise<NativeBroker> {
  const [port, controllerPort] = (await freePorts(2)) as [number, number]
  return nativeKafkaNode(`127.0.0.1:${port}`, `127.0.0.1:${controllerPort}`)
}

/** A node at these addresses; one of several if `cluster` says so. */
export async function nativeKafkaNode(
  address: string,
  controller: string,
  cluster?: KafkaCluster,
): Promise<NativeBroker> {
  const libs = kafkaLibs()
  const java = needProgram('java')
  const folder = await brokerFolder('kafka')
  const at = (name: string) => path.join(folder, name)
  const settings = kafkaSettings({
    listen: address,
    advertise: address,
    controller,
    dataFolder: at('data'),
    ...(cluster && { cluster }),
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
    url: address,
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
  const tool = ['kafka.tools.StorageTool', 'format', '--cluster-id', CLUSTER_ID, '--config', properties]
  await promisify(execFile)(java, [...jvm, ...tool])
}
