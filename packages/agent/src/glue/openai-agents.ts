import { hasMethod, WaybillTypeError } from '@waybill/core/adapter'
import { PACKAGE, type Resolved } from '../settings.ts'
import { recordHere } from '../usage.ts'

/** The part of a model of OpenAI Agents that is wrapped. */
export interface AgentsModel<Q = never, R = unknown, E = unknown> {
  getResponse(request: Q): Promise<R>
  getStreamedResponse(request: Q): AsyncIterable<E>
}

interface Answer {
  readonly usage?: { readonly inputTokens?: unknown; readonly outputTokens?: unknown } | undefined
}

/** `countedModel` under these settings. */
export function countModel<M extends AgentsModel>(resolved: () => Resolved, model: M, name?: string): M {
  const wrong = hasMethod('getResponse')(model) ?? hasMethod('getStreamedResponse')(model)
  if (wrong !== undefined) {
    throw new WaybillTypeError(
      { packageName: PACKAGE, functionName: 'countedModel' },
      'a model of @openai/agents',
      model,
      'Pass what the model provider gives: await provider.getModel(name).',
    )
  }
  const count = (answer: Answer | undefined): void => {
    if (answer?.usage === undefined) return
    recordHere(resolved(), {
      inputTokens: answer.usage.inputTokens as number | undefined,
      outputTokens: answer.usage.outputTokens as number | undefined,
      model: name,
    })
  }
  // The model itself stays as it is: others may use it uncounted.
  return Object.create(model, {
    getResponse: {
      value: async (request: never) => {
        const answer = await model.getResponse(request)
        count(answer as Answer)
        return answer
      },
    },
    getStreamedResponse: {
      value: async function* (request: never) {
        for await (const event of model.getStreamedResponse(request)) {
          const { type, response } = event as { type?: unknown; response?: Answer }
          if (type === 'response_done') count(response)
          yield event
        }
      },
    },
  }) as M
}
