/**
 * A message that its backend refuses for good, from the outage to the operator's decision, over restarts of Busbar.
 *
 * The wall clock is moved by the test, so that the retries of minutes take none.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { startBusbar, type Busbar } from '../../src/app/busbar.ts';
import { loadConfiguration } from '../../src/control/configuration/load.ts';
import type { Log, LogFields } from '../../src/ports/log.ts';
import { ok } from '../../src/std/result.ts';
import { until } from '../../src/testkit/until.ts';
import { BareBackend } from './bare-backend.ts';
import { dialStation, type BarePeer } from './busbar-fixture.ts';

const cleanups: (() => Promise<unknown>)[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() });
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  vi.useRealTimers();
});

/** Busbar on one file and one journal, started anew as often as is wanted. */
class Restarting {
  readonly warnings: [string, LogFields][] = [];
  readonly #file: string;
  #busbar: Busbar | null = null;

  constructor(file: string) {
    this.#file = file;
  }

  get busbar(): Busbar {
    if (this.#busbar === null) throw new Error('it is not running');
    return this.#busbar;
  }

  async start(): Promise<void> {
    const read = async () => {
      const loaded = await loadConfiguration(this.#file, {});
      return loaded.ok ? ok(loaded.value.settings) : loaded;
    };
    const settings = await read();
    if (!settings.ok) throw new Error(JSON.stringify(settings.fault));
    const log: Log = {
      debug: () => {},
      info: () => {},
      warn: (event, fields = {}) => void this.warnings.push([event, fields]),
      error: () => {},
    };
    const started = await startBusbar({ settings: settings.value, log, readAgain: read });
    if (!started.ok) throw new Error(started.fault.reason);
    this.#busbar = started.value;
  }

  async stop(): Promise<void> {
    const running = this.#busbar;
    this.#busbar = null;
    await running?.drain(0, 3_000);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  // oxlint-disable-next-line typescript/no-explicit-any -- the test looks into answers of every shape
  async api(path: string, body: object | null = null): Promise<{ status: number; body: any }> {
    const init =
      body === null
        ? {}
        : {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
          };
    const response = await fetch(`${this.busbar.adminUrl}/api/v1${path}`, init);
    return { status: response.status, body: await response.json() };
  }

  async metric(series: string): Promise<number> {
    const text = await (await fetch(`${this.busbar.adminUrl}/metrics`)).text();
    const line = text.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return Number(line?.slice(series.length + 1));
  }
}

let serial = 0;

/** Sends a call and gives the payload of its answer. */
async function ask(station: BarePeer, action: string, payload: object): Promise<Record<string, unknown>> {
  serial += 1;
  const id = `s${serial}`;
  station.send(JSON.stringify([2, id, action, payload]));
  let answer: unknown[] = [];
  await until(`${action} is answered`, () => {
    answer =
      station.texts
        .map((text) => JSON.parse(text) as unknown[])
        .find((frame) => frame[1] === id && frame[0] !== 2) ?? [];
    return answer.length > 0;
  });
  return answer[2] as Record<string, unknown>;
}

const stopsAt = (backend: BareBackend): string[] =>
  [...backend.links.values()]
    .flat()
    .flatMap(({ texts }) => texts)
    .filter((text) => text.includes('"StopTransaction"'));

test('a refused message is seen, retried and dropped, and every decision outlives a restart', async () => {
  const backend = new BareBackend();
  backend.results.set(
    'BootNotification',
    '{"status":"Accepted","currentTime":"2026-01-01T00:00:00Z","interval":300}',
  );
  backend.results.set('StartTransaction', '{"transactionId":7,"idTagInfo":{"status":"Accepted"}}');
  await backend.start();
  cleanups.push(() => backend.stop());
  const folder = await mkdtemp(join(tmpdir(), 'busbar-deliveries-'));
  cleanups.push(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'busbar.yaml');
  await writeFile(
    file,
    `stations: { listen: "127.0.0.1:0" }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
  old: { url: "${backend.url}", redial: { from: 100ms, to: 200ms } }
routes:
  - { stations: "*", primary: old, whenDown: cover }
`,
  );
  const gateway = new Restarting(file);
  await gateway.start();
  cleanups.push(() => gateway.stop());
  const connect = async (): Promise<BarePeer> => {
    const peer = await dialStation(`ws://127.0.0.1:${gateway.busbar.stationPort}/ocpp/CP-1`);
    expect(peer.isOpen).toBe(true);
    await ask(peer, 'BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' });
    return peer;
  };
  /** Lets the retries pass: every one is due once the clock is moved, and leaves after the next answer. */
  const connectAndRefuse = async (): Promise<BarePeer> => {
    const before = stopsAt(backend).length;
    const peer = await connect();
    for (let attempt = 1; attempt <= 4; attempt += 1) {
      await until(`attempt ${attempt}`, () => stopsAt(backend).length >= before + attempt);
      // Its answer has come, too: the next attempt is due by the clock of that moment.
      const { deliveries } = gateway.busbar.gateway;
      await until(`answer ${attempt}`, () => deliveries.list({ limit: 1 }).items[0]?.attempts === attempt);
      vi.setSystemTime(Date.now() + 600_000);
      await ask(peer, 'Heartbeat', {});
    }
    return peer;
  };

  // An outage: the station is answered, and its stop is held.
  let station = await connect();
  const { transactionId } = await ask(station, 'StartTransaction', {
    connectorId: 1,
    idTag: 'SECRET-TAG',
    meterStart: 0,
    timestamp: '2026-01-01T00:00:00Z',
  });
  expect(transactionId).toBe(7);
  backend.refuses.add('StopTransaction');
  await backend.stop();
  await until('the link is gone', () => gateway.busbar.gateway.registry.backends()[0]?.linksOpen === 0);
  const stop = {
    transactionId,
    idTag: 'SECRET-TAG',
    meterStop: 900,
    timestamp: '2026-01-01T01:00:00Z',
  };
  expect(await ask(station, 'StopTransaction', stop)).toEqual({});
  const [first] = (await gateway.api('/deliveries')).body.items;
  // A restart cannot tell whether it left before.
  const held = { ...first, possiblyDuplicate: true };
  expect(first).toMatchObject({
    station: 'CP-1',
    backend: 'old',
    state: 'held',
    action: 'StopTransaction',
    attempts: 0,
    possiblyDuplicate: false,
    behind: null,
    text: expect.stringContaining('"meterStop":900'),
  });
  const path = `/deliveries/${encodeURIComponent(held.id)}`;

  // It is there after a restart, though its station is not.
  await gateway.restart();
  expect((await gateway.api(path)).body).toEqual(held);
  expect((await gateway.api('/stations/CP-1')).body.backends).toMatchObject([
    { backend: 'old', link: 'idle', held: 1, parked: 0, heldBytes: held.text.length },
  ]);
  expect((await gateway.api('/backends/old')).body).toMatchObject({ held: 1, parked: 0 });
  expect(await gateway.metric('busbar_billing_at_risk{backend="old"}')).toBe(0);

  // The backend is back and refuses it for good.
  await backend.start();
  station = await connectAndRefuse();
  await until('it is parked', () => gateway.warnings.some(([event]) => event === 'delivery_parked'));
  expect(gateway.warnings.find(([event]) => event === 'delivery_parked')?.[1]).toMatchObject({
    station: 'CP-1',
    backend: 'old',
    action: 'StopTransaction',
    lastError: 'InternalError',
  });
  expect(JSON.stringify(gateway.warnings)).not.toContain('SECRET-TAG');
  const parked = { ...held, state: 'parked', attempts: 4, lastError: 'InternalError' };
  expect((await gateway.api('/deliveries?state=parked')).body.items).toEqual([parked]);
  expect(await gateway.metric('busbar_parked{backend="old"}')).toBe(1);
  expect(await gateway.metric('busbar_billing_at_risk{backend="old"}')).toBe(1);
  expect(await gateway.metric('busbar_deliveries_total{backend="old",outcome="parked"}')).toBe(1);

  // It stays parked over a restart, and can be retried before its station is there again.
  await gateway.restart();
  expect((await gateway.api(path)).body).toEqual(parked);
  const retried = await gateway.api(`${path}/retry`, { reason: 'the backend was mended' });
  expect([retried.status, retried.body]).toEqual([200, { outcome: 'retried', delivery: held }]);
  await gateway.restart();
  expect((await gateway.api(path)).body).toEqual(held);

  // It is refused once more, and given up.
  station = await connectAndRefuse();
  await until('it is parked again', () => {
    return gateway.warnings.filter(([event]) => event === 'delivery_parked').length === 2;
  });
  expect((await gateway.api(`${path}/drop`, {})).status).toBe(422);
  const sent = stopsAt(backend).length;
  const dropped = await gateway.api(`${path}/drop`, { reason: 'booked by hand' });
  expect([dropped.status, dropped.body.outcome]).toEqual([200, 'dropped']);
  expect((await gateway.api(`${path}/drop`, { reason: 'once more' })).status).toBe(404);
  // Its station may repeat it: it has its answer, and nobody is told.
  expect(await ask(station, 'StopTransaction', stop)).toEqual({});
  await ask(station, 'Heartbeat', {});
  expect(stopsAt(backend)).toHaveLength(sent);

  await gateway.restart();
  expect((await gateway.api('/deliveries')).body.items).toEqual([]);
  expect((await gateway.api('/audit')).body.items).toMatchObject([
    {
      action: 'delivery.drop',
      target: 'CP-1',
      reason: 'booked by hand',
      outcome: 'done',
      before: { id: held.id, state: 'parked', attempts: 4 },
      after: null,
    },
    { action: 'delivery.retry', reason: 'the backend was mended', after: { state: 'held', attempts: 0 } },
  ]);
});
