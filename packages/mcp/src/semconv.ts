/**
 * Names of the MCP and GenAI conventions that are emitted, as our own constants.
 *
 * Source: OpenTelemetry semantic-conventions-genai (MCP), 2026-11; in development. No npm package holds them.
 */
export const ATTR_MCP_METHOD = 'mcp.method.name'
export const ATTR_MCP_SESSION_ID = 'mcp.session.id'
export const ATTR_MCP_PROTOCOL_VERSION = 'mcp.protocol.version'
export const ATTR_MCP_RESOURCE_URI = 'mcp.resource.uri'
export const ATTR_JSONRPC_REQUEST_ID = 'jsonrpc.request.id'
export const ATTR_RPC_STATUS_CODE = 'rpc.response.status_code'
export const ATTR_OPERATION = 'gen_ai.operation.name'
export const ATTR_TOOL_NAME = 'gen_ai.tool.name'
/** What a tool is given and what it gives: content, recorded only by the application's own recorder. */
export const ATTR_TOOL_ARGUMENTS = 'gen_ai.tool.call.arguments'
export const ATTR_TOOL_RESULT = 'gen_ai.tool.call.result'
export const ATTR_PROMPT_NAME = 'gen_ai.prompt.name'
/** `pipe` or `tcp`; left out within one process. */
export const ATTR_NETWORK_TRANSPORT = 'network.transport'

/** Value of `gen_ai.operation.name` for a tool call. */
export const EXECUTE_TOOL = 'execute_tool'

/** Time (s) of a request, as its sender sees it. */
export const METRIC_CLIENT_OPERATION = 'mcp.client.operation.duration'
/** Time (s) of a request, as its receiver sees it. */
export const METRIC_SERVER_OPERATION = 'mcp.server.operation.duration'
export const METRIC_CLIENT_SESSION = 'mcp.client.session.duration'
export const METRIC_SERVER_SESSION = 'mcp.server.session.duration'
