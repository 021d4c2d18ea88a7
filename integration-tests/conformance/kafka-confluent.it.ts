import { test } from 'vitest'
import { confluent } from '../kafka/clients.ts'
import { kafkaSubject } from '../kafka/subject.ts'
import { conformance } from './suite.ts'

if (confluent.missing === undefined) conformance(kafkaSubject(confluent, 'kafka-confluent'))
else test.skip(`kafka-confluent conformance: not run, ${confluent.missing}`)
