export { traceMcp } from './peer.ts'
export { traceTool, type ToolMeta } from './tool.ts'
export type { McpOptions, McpRequestInfo } from './options.ts'
export type { McpPeer, McpProtocol } from './types.ts'
