import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { UdfDefinition } from '../../udfs/runtime/index.js'
import type { Stub } from './format.js'

/** Answers the remote functions of tests: by the test's stubs, else by the function's recorded provider. */
export interface StubServer {
  url(slot: string, name: string): string
  /** What the tests in a slot get from now on; forgets the calls so far. */
  use(slot: string, stubs: ReadonlyMap<string, Stub>, definitions: readonly UdfDefinition[]): void
  /** Arguments of the calls since `use`, in order. */
  calls(slot: string, name: string): Record<string, unknown>[]
  /** Functions that were called and had no answer. */
  unanswered(slot: string): string[]
  close(): Promise<void>
}

interface Slot {
  stubs: ReadonlyMap<string, Stub>
  definitions: readonly UdfDefinition[]
  calls: { name: string; args: Record<string, unknown> }[]
  unanswered: Set<string>
}

class NoAnswer extends Error {}

/** A block of rows may be large. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

export async function startStubServer(): Promise<StubServer> {
  const slots = new Map<string, Slot>()
  const app = Fastify({ logger: false, bodyLimit: MAX_BODY_BYTES })
  app.post<{ Params: { slot: string; name: string }; Body: Record<string, unknown[]> }>(
    '/:slot/:name',
    async ({ params, body }, reply) => {
      const { name } = params
      const slot = slots.get(params.slot)
      if (!slot) return reply.code(404).send({ error: 'no test runs here' })
      const columns = Object.entries(body)
      const rows = (columns[0]?.[1] ?? []).map((_, i) =>
        Object.fromEntries(columns.map(([column, values]) => [column, values[i]])),
      )
      for (const args of rows) slot.calls.push({ name, args })
      const stub = slot.stubs.get(name)
      if (stub?.status !== undefined) return reply.code(stub.status).send({ error: 'as the stub says' })
      try {
        return { result: await Promise.all(rows.map((args) => answer(slot, name, stub, args))) }
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        slot.unanswered.add(name)
        return reply.code(500).send({ error: error.message })
      }
    },
  )
  await app.listen({ port: 0, host: '127.0.0.1' })
  const { port } = app.server.address() as AddressInfo
  return {
    url: (slot, name) => `http://127.0.0.1:${port}/${slot}/${name}`,
    use: (slot, stubs, definitions) =>
      void slots.set(slot, { stubs, definitions, calls: [], unanswered: new Set() }),
    calls: (slot, name) =>
      (slots.get(slot)?.calls ?? []).filter((call) => call.name === name).map(({ args }) => args),
    unanswered: (slot) => [...(slots.get(slot)?.unanswered ?? [])],
    close: () => app.close(),
  }
}

async function answer(
  slot: Slot,
  name: string,
  stub: Stub | undefined,
  args: Record<string, unknown>,
): Promise<unknown> {
  const key = String(Object.values(args)[0])
  if (stub && Object.hasOwn(stub.answers, key)) return textOf(stub.answers[key])
  if (stub?.otherwise !== undefined) return textOf(stub.otherwise)
  const definition = slot.definitions.find((one) => one.kind === 'remote' && one.name === name)
  const recorded = definition?.kind === 'remote' ? definition.providers.recorded?.({}) : undefined
  if (!recorded) throw new NoAnswer(`no stub for ${name}(${key})`)
  return recorded.lookup(key, AbortSignal.timeout(10_000))
}

/** Objects are what functions return as text. */
function textOf(given: unknown): unknown {
  return typeof given === 'object' && given !== null ? JSON.stringify(given) : given
}
