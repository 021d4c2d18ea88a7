import './telemetry.ts'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { traceMcp } from '@waybill/mcp'
import { makeServer2 } from '../server-2.ts'

serveStdio(() => {
  const server = makeServer2()
  return process.env['UNTRACED'] === undefined ? traceMcp(server) : server
})
