/** A server that nobody here wrote, in strict mode: every frame of a simulated station is valid by the official schemas. */
import { afterEach, expect, test } from 'vitest';
import { readFileSync } from 'node:fs';
import { createValidator, RPCServer } from 'ocpp-rpc';
import { ocppVersions, type OcppVersion } from '../../src/protocol/version.ts';
import { answerPayload, randomCommand } from '../../src/testkit/backend-answers.ts';
import { exchangesOf, textsOf, type Ledger } from '../../src/testkit/ledger.ts';
import { isSettled } from '../../src/testkit/life-state.ts';
import { openStreamPayload, streamPayload } from '../../src/testkit/life-dialect.ts';
import { createRandom } from '../../src/testkit/random.ts';
import { SimulatedStation } from '../../src/testkit/simulated-station.ts';
import { until } from '../../src/testkit/until.ts';
import { readMessage } from '../../src/testkit/wire.ts';

const cleanUps: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp();
});

interface Seen {
  readonly actions: Set<string>;
  readonly commandFaults: string[];
  commandsAnswered: number;
}

/** Answers everything and sends commands; `strictMode` makes it check both directions against the schemas. */
async function startServer(
  version: OcppVersion,
): Promise<{ url: string; seen: Seen; strictFaults: string[] }> {
  const strictModeValidators = version === 'ocpp2.1' ? [validator21()] : [];
  const server = new RPCServer({ protocols: [version], strictMode: true, strictModeValidators });
  const seen: Seen = { actions: new Set(), commandFaults: [], commandsAnswered: 0 };
  const strictFaults: string[] = [];
  server.auth((accept) => accept());
  server.on('client', (client) => {
    let number = 0;
    let isCommanding = false;
    client.on('strictValidationFailure', ({ error }: { error: Error }) => strictFaults.push(error.message));
    client.handle(({ method, params }: { method: string; params: Record<string, unknown> }) => {
      seen.actions.add(method);
      // A 2.x station refuses commands until it is accepted, which its first other message shows.
      if (method !== 'BootNotification' && !isCommanding) {
        isCommanding = true;
        void sendCommands(client, version, seen);
      }
      number += 1;
      const context = {
        wallMs: Date.now(),
        bootStatus: 'Accepted',
        intervalS: 60,
        tokenStatus: 'Accepted',
        transactionId: number,
      } as const;
      const answer = answerPayload(version, method, params, context);
      if (answer === null) throw new Error(`no answer for ${method}`);
      return answer;
    });
  });
  const http = await server.listen(0, '127.0.0.1');
  cleanUps.push(() => server.close({ force: true }));
  const { port } = http.address() as { port: number };
  return { url: `ws://127.0.0.1:${port}/ocpp`, seen, strictFaults };
}

interface RpcPeer {
  call(method: string, params: unknown): Promise<unknown>;
}

/** One command after the other until the link is gone; the faults that are kept are those of the schema. */
async function sendCommands(client: RpcPeer, version: OcppVersion, seen: Seen): Promise<void> {
  const random = createRandom(5, version);
  for (let count = 0; count < 150; count += 1) {
    const { action, payload } = randomCommand(version, {
      random,
      transactions: [],
      requestId: count,
      neverCommands: ['Reset'],
    });
    try {
      await client.call(action, payload);
      seen.commandsAnswered += 1;
    } catch (error) {
      const { rpcErrorCode, message } = error as { rpcErrorCode?: string; message: string };
      if (rpcErrorCode === undefined) return;
      if (rpcErrorCode !== 'NotImplemented') seen.commandFaults.push(`${action}: ${rpcErrorCode} ${message}`);
    }
  }
}

test.each(ocppVersions)('ocpp-rpc in strict mode takes every frame of a %s station', async (version) => {
  const { url, seen, strictFaults } = await startServer(version);
  const stations = [0, 1, 2, 3].map((at) => {
    const spec = {
      id: `CP-${at}`,
      seed: at,
      offers: [version],
      speed: 1_000,
      powerCutEveryMs: 600_000,
      // ocpp-rpc does not know SEND.
      streams: false,
    } as const;
    return new SimulatedStation(
      { ...spec, idleMs: [5_000, 30_000], chargingMs: [60_000, 300_000] },
      { url },
      { keepsLedger: true },
    );
  });
  cleanUps.unshift(() => Promise.all(stations.map((station) => station.stop())));
  await until(
    '30 transactions ended',
    () => stations.reduce((sum, { life }) => sum + life.stats.transactionsEnded, 0) >= 30,
    30_000,
  );
  for (const station of stations) station.windDown();
  await until('nothing is left to say', () => stations.every(({ life }) => isSettled(life)), 10_000);

  const exchanges = stations.flatMap(({ ledger }) => exchangesOf(ledger as Ledger, 'sent').exchanges);
  const errors = exchanges.flatMap(({ text, answers }) =>
    answers.filter(({ message }) => message.type === 4).map((answer) => `${text} ${answer.text}`),
  );
  expect(errors).toEqual([]);
  expect(strictFaults).toEqual([]);
  expect(seen.commandFaults).toEqual([]);
  expect(seen.commandsAnswered).toBeGreaterThan(50);
  const transaction =
    version === 'ocpp1.6' ? ['StartTransaction', 'MeterValues', 'StopTransaction'] : ['TransactionEvent'];
  for (const action of [
    'BootNotification',
    'Heartbeat',
    'Authorize',
    'SecurityEventNotification',
    ...transaction,
  ]) {
    expect(seen.actions).toContain(action);
  }
  const received = stations.flatMap(({ ledger }) => textsOf(ledger as Ledger, 'received'));
  expect(received.every(({ text }) => readMessage(text) !== null)).toBe(true);
});

/**
 * ocpp-rpc 2.2.1 asks for the schemas of 2.1 by the names that those of 1.6 and 2.0.1 have, and so finds none of its own. They also say
 * `additionalProperties` of enums, of which Ajv warns.
 */
function validator21(): ReturnType<typeof createValidator> {
  const file = new URL('../../node_modules/ocpp-rpc/lib/schemas/ocpp2_1.json', import.meta.url);
  const schemas = JSON.parse(readFileSync(file, 'utf8'), (key, value: unknown) => {
    if (key === '$id')
      return String(value)
        .replace(/Request$/, '.req')
        .replace(/Response$/, '.conf');
    if (typeof value !== 'object' || value === null || !('enum' in value)) return value;
    return { ...value, additionalProperties: undefined };
  }) as object[];
  return createValidator('ocpp2.1', schemas);
}

test('the event stream of a 2.1 station, which ocpp-rpc cannot take, is valid by its schemas', () => {
  const validator = validator21();
  const stream = JSON.parse(JSON.stringify(streamPayload([1.5, 2], 0))) as Record<string, unknown>;
  expect(validator.validate('urn:NotifyPeriodicEventStream', stream)).toBe(true);
  expect(validator.validate('urn:OpenPeriodicEventStream.req', openStreamPayload())).toBe(true);
  expect(() => validator.validate('urn:NotifyPeriodicEventStream', { ...stream, data: [] })).toThrow(
    /fewer than 1/,
  );
});
