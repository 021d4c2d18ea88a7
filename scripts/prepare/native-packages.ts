import { existsSync } from 'node:fs'
import { findProgram } from '../../brokers/src/native/program.ts'
import { step } from '../step.mjs'
import { canInstallPackages, installPackages } from './debian.ts'
import { kafkaJars } from './kafka-jars.ts'

/** The brokers as programs of this machine, for where no Docker engine can run. */
export async function nativePackages(): Promise<void> {
  if (process.platform === 'win32') return
  await Promise.allSettled([installMissing(), kafkaHere()])
}

async function installMissing(): Promise<void> {
  const missing = [
    ...(findProgram('redis-server') === undefined ? ['redis-server'] : []),
    ...(existsSync('/usr/lib/rabbitmq/bin/rabbitmq-server') ? [] : ['rabbitmq-server']),
    ...(findProgram('java') === undefined ? ['default-jre-headless'] : []),
  ]
  if (missing.length === 0) return
  if (!canInstallPackages()) {
    console.log(`– Not installed, and not root on Debian to do so: ${missing.join(', ')}`)
    return
  }
  await step(`${missing.join(', ')} from Debian`, (log) => installPackages(missing, log))
}

async function kafkaHere(): Promise<void> {
  if (process.env['KAFKA_HOME'] === undefined) await kafkaJars()
}
