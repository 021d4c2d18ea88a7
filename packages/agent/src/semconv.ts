/**
 * The standard's own names that we set or read, as our own constants: no npm package of the registry they moved to exists.
 *
 * Source: OpenTelemetry semantic conventions for generative AI 0.1.0, all of them in development. `gen_ai.caller.*` is
 * proposed only, hence set in `semconvMode: 'both'` alone.
 */
export const ATTR_OPERATION_NAME = 'gen_ai.operation.name'
export const ATTR_AGENT_NAME = 'gen_ai.agent.name'
export const ATTR_AGENT_ID = 'gen_ai.agent.id'
export const ATTR_AGENT_VERSION = 'gen_ai.agent.version'
export const ATTR_CONVERSATION_ID = 'gen_ai.conversation.id'
export const ATTR_PROVIDER_NAME = 'gen_ai.provider.name'
export const ATTR_TOOL_NAME = 'gen_ai.tool.name'
export const ATTR_TOOL_TYPE = 'gen_ai.tool.type'
export const ATTR_TOOL_CALL_ID = 'gen_ai.tool.call.id'
export const ATTR_CALLER_NAME = 'gen_ai.caller.name'
export const ATTR_CALLER_TYPE = 'gen_ai.caller.type'
export const ATTR_REQUEST_MODEL = 'gen_ai.request.model'
export const ATTR_RESPONSE_MODEL = 'gen_ai.response.model'
export const ATTR_TOKEN_TYPE = 'gen_ai.token.type'
