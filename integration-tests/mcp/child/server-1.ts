import './telemetry.ts'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { traceMcp } from '@waybill/mcp'
import { makeServer1 } from '../server-1.ts'

const server = makeServer1()
if (process.env['UNTRACED'] === undefined) traceMcp(server)
await server.connect(new StdioServerTransport())
