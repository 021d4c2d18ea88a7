import fs from 'node:fs'
import path from 'node:path'
import { findProgram } from '../../brokers/src/native/program.ts'
import { run } from '../command.ts'
import { step } from '../step.mjs'
import { root, toolchainFolder } from '../toolchain.mjs'
import { canInstallPackages, installPackages } from './debian.ts'

const pom = path.join(root, 'scripts/images/kafka-pom.xml')
// Named in full: an older Maven would choose an older one, or ask for the newest.
const copyDependencies = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'

/** Kafka's server as its Maven artifacts, in `.toolchain/kafka/libs`: Debian and npm have none. */
export async function kafkaJars(): Promise<string> {
  const home = path.join(toolchainFolder, 'kafka')
  const copyOfPom = path.join(home, 'pom.xml') // says which artifacts are there
  const wanted = fs.readFileSync(pom, 'utf8')
  if (fs.existsSync(copyOfPom) && fs.readFileSync(copyOfPom, 'utf8') === wanted) return home
  return step('Kafka from Maven artifacts', async (log) => {
    if (findProgram('mvn') === undefined) {
      if (!canInstallPackages()) throw new Error('there is no mvn: install Maven, or give KAFKA_BROKERS')
      log.title('Kafka from Maven artifacts, Maven from Debian')
      await installPackages(['maven'], log) // brings a Java runtime, too
    }
    fs.rmSync(home, { recursive: true, force: true })
    const options = ['--batch-mode', '--quiet', '--strict-checksums', '--file', pom]
    const libs = path.join(home, 'libs')
    await run('mvn', [...options, copyDependencies, '-DincludeScope=runtime', `-DoutputDirectory=${libs}`], {
      log,
    })
    fs.writeFileSync(copyOfPom, wanted)
    return home
  })
}
