import { Client, InMemoryTransport } from '@modelcontextprotocol/client'
import { inputRequired, McpServer } from '@modelcontextprotocol/server'
import { traceMcp } from '@waybill/mcp'
import * as z from 'zod'

/** What the person says when asked: yes, or nothing for now. */
export type Answer = 'accept' | 'cancel'

/** A tool server that pays only what a person has agreed to, and asks whoever calls it (MCP's elicitation). */
function paymentServer(): McpServer {
  const server = traceMcp(new McpServer({ name: 'payments', version: '1.0.0' }))
  server.registerTool('pay', { inputSchema: z.object({ amount: z.number() }) }, ({ amount }, { mcpReq }) => {
    const said = mcpReq.inputResponses?.['approval'] as { action?: Answer } | undefined
    if (said === undefined) {
      const message = `Pay ${amount} euros?`
      const requestedSchema = { type: 'object' as const, properties: {} }
      return inputRequired({
        inputRequests: { approval: inputRequired.elicit({ message, requestedSchema }) },
      })
    }
    return { content: [{ type: 'text' as const, text: said.action === 'accept' ? 'paid' : 'nobody there' }] }
  })
  return server
}

/** Calls `pay`; `person` is who sits in front of this client. */
export async function pay(amount: number, person: () => Answer): Promise<string | undefined> {
  const capabilities = { elicitation: {} }
  const client = traceMcp(new Client({ name: 'clerk', version: '1.0.0' }, { capabilities }))
  client.setRequestHandler('elicitation/create', () => ({ action: person(), content: {} }))
  const [near, far] = InMemoryTransport.createLinkedPair()
  await paymentServer().connect(far)
  await client.connect(near)
  const { content } = await client.callTool({ name: 'pay', arguments: { amount } })
  await client.close()
  return content[0]?.type === 'text' ? content[0].text : undefined
}
