import { expect, test } from 'vitest'
import { startReceiver } from '../src/spans/receiver.ts'

test('keeps what exporters post, refuses what is no JSON, and is gone after its end', async () => {
  const receiver = await startReceiver()
  const post = (body: string): Promise<Response> => fetch(receiver.url, { method: 'POST', body })
  const good = await post('{"resourceSpans":[]}')
  const bad = await post('\u0008protobuf')
  await receiver.close()
  expect([good.status, bad.status]).toEqual([200, 400])
  expect(receiver.exports).toEqual([{ resourceSpans: [] }])
  await expect(post('{}')).rejects.toThrow()
})
