import { expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../protocol/version.ts';
import { backendDefaults, createBackendStation, type BackendOptions } from './backend-life.ts';
import { checkOrder, guaranteedCalls } from './checkers.ts';
import {
  createLedger,
  exchangesOf,
  stepBackendWithLedger,
  stepWithLedger,
  textsOf,
  type Ledger,
} from './ledger.ts';
import { createLife, isSettled, type LifeEffect, type LifeSpec, type StationLife } from './life-state.ts';
import { stepLife } from './station-life.ts';
import { readMessage, record, type Message } from './wire.ts';

const epochMs = Date.parse('2026-11-24T00:00:00Z');

interface World {
  readonly life: StationLife;
  readonly station: Ledger;
  readonly backend: Ledger;
}

/** One station and one backend on a wire without delay; the only clock is a number. Runs until `toMs`, then winds down. */
function live(spec: Partial<LifeSpec>, backendOptions: Partial<BackendOptions>, toMs: number): World {
  const version = spec.offers?.[0] ?? 'ocpp1.6';
  const life = createLife({ id: 'CP-1', seed: 1, offers: [version], ...spec }, 0);
  const peer = createBackendStation({ ...backendDefaults, ...backendOptions }, 'CP-1', 1);
  const station = createLedger('CP-1', version);
  const backend = createLedger('CP-1', version);
  let nowMs = 0;
  const clock = () => ({ nowMs, wallMs: epochMs + nowMs });
  const toBackend = (event: Parameters<typeof stepBackendWithLedger>[2]): void => {
    for (const effect of stepBackendWithLedger(peer, backend, event, clock())) {
      toStation(effect.type === 'send' ? { type: 'text', text: effect.text } : { type: 'closed' });
    }
  };
  const carryOut = (effect: LifeEffect): void => {
    if (effect.type === 'send') toBackend({ type: 'text', text: effect.text });
    if (effect.type === 'connect') {
      toBackend({ type: 'opened', version });
      toStation({ type: 'opened', version });
    }
    if (effect.type === 'close' || effect.type === 'terminate') {
      toBackend({ type: 'closed' });
      toStation({ type: 'closed' });
    }
  };
  const toStation = (event: Parameters<typeof stepWithLedger>[2]): void => {
    for (const effect of stepWithLedger(life, station, event, clock())) carryOut(effect);
  };
  let isWindingDown = false;
  for (let step = 0; step < 100_000 && !isSettled(life); step += 1) {
    nowMs = Math.max(nowMs, Math.min(life.wakeAtMs, peer.wakeAtMs));
    if (nowMs > toMs && !isWindingDown) {
      isWindingDown = true;
      toStation({ type: 'wind_down' });
    }
    if (life.wakeAtMs <= nowMs) toStation({ type: 'tick' });
    if (peer.wakeAtMs <= nowMs) toBackend({ type: 'tick' });
  }
  return { life, station, backend };
}

const day = 24 * 3_600_000;

test.each(ocppVersions)('the same seed gives the same %s life, another seed another', (version) => {
  const options = { commandEveryMs: 600_000, tokensRefused: 0.1 };
  const first = live({ offers: [version], powerCutEveryMs: day / 8 }, options, day);
  const again = live({ offers: [version], powerCutEveryMs: day / 8 }, options, day);
  const other = live({ offers: [version], powerCutEveryMs: day / 8, seed: 2 }, options, day);
  expect(again.station.entries).toEqual(first.station.entries);
  expect(other.station.entries).not.toEqual(first.station.entries);
  expect(first.life.stats.transactionsEnded).toBeGreaterThan(20);
  expect(first.life.stats.boots).toBeGreaterThan(1);
});

test.each(ocppVersions)(
  'a %s station repeats its boot after each interval until it is accepted, and says nothing else',
  (version) => {
    const { station } = live({ offers: [version], seed: 3 }, { bootsRefused: 0.8 }, 7_200_000);
    const calls = exchangesOf(station, 'sent').exchanges;
    const last = calls.findIndex(({ answers }) => answers[0]?.message.payload['status'] === 'Accepted');
    expect(last).toBeGreaterThan(0);
    expect(new Set(calls.slice(0, last + 1).map(({ message }) => message.action))).toEqual(
      new Set(['BootNotification']),
    );
    for (let at = 1; at <= last; at += 1) {
      expect((calls[at]?.atMs ?? 0) - (calls[at - 1]?.atMs ?? 0)).toBeGreaterThanOrEqual(300_000);
    }
  },
);

test.each(ocppVersions)('no two transaction messages of a %s station have the same content', (version) => {
  const { station, backend } = live({ offers: [version] }, { commandEveryMs: 300_000 }, day);
  const bodies = guaranteedCalls(station).map(({ message }) => JSON.stringify(message.payload));
  expect(bodies.length).toBeGreaterThan(100);
  expect(new Set(bodies).size).toBe(bodies.length);
  expect(
    checkOrder({
      stations: new Map([['CP-1', station]]),
      backends: new Map([['b', new Map([['CP-1', backend]])]]),
    }),
  ).toEqual([]);
});

test('a 2.x transaction counts its events from 0 without a gap', () => {
  const { station } = live({ offers: ['ocpp2.0.1'] }, {}, day);
  const counts = new Map<string, number>();
  for (const { message } of guaranteedCalls(station)) {
    if (message.action !== 'TransactionEvent') continue;
    const id = String(record(message.payload['transactionInfo'])['transactionId']);
    expect(message.payload['seqNo']).toBe(counts.get(id) ?? 0);
    counts.set(id, Number(message.payload['seqNo']) + 1);
  }
  expect(counts.size).toBeGreaterThan(10);
});

test('a 1.6 station uses the number it was given, and -1 when it never got one', () => {
  const never = live({ attemptsMax: 1 }, { misbehave: { error: 0.4 } }, day);
  const sent = guaranteedCalls(never.station);
  const given = new Set(
    sent
      .map(({ answers }) => answers[0]?.message.payload['transactionId'])
      .filter((number): number is number => typeof number === 'number'),
  );
  const used = sent
    .filter(({ message }) => message.action === 'StopTransaction')
    .map(({ message }) => message.payload['transactionId']);
  expect(used).toContain(-1);
  expect(used.filter((number) => number !== -1).every((number) => given.has(number as number))).toBe(true);
  expect(used.some((number) => number !== -1)).toBe(true);
});

function accepted(version: OcppVersion, spec: Partial<LifeSpec> = {}): StationLife {
  const life = createLife(
    {
      id: 'CP-1',
      seed: 1,
      offers: [version],
      idleMs: [1e9, 1e9],
      powerCutEveryMs: Infinity,
      ids: 'uuid',
      spacing: 'compact',
      ...spec,
    },
    0,
  );
  stepLife(life, { type: 'tick' }, clockAt(0));
  let effects = stepLife(life, { type: 'opened', version }, clockAt(0));
  for (let call = sentCall(effects); call !== null; call = sentCall(effects)) {
    const body =
      call.action === 'BootNotification'
        ? '{"status":"Accepted","currentTime":"2026-11-24T00:00:00Z","interval":0}'
        : '{}';
    effects = stepLife(life, { type: 'text', text: `[3,"${call.id}",${body}]` }, clockAt(0));
  }
  return life;
}

function clockAt(nowMs: number): { nowMs: number; wallMs: number } {
  return { nowMs, wallMs: epochMs + nowMs };
}

function sentCall(effects: readonly LifeEffect[]) {
  for (const effect of effects) {
    const message = effect.type === 'send' ? readMessage(effect.text) : null;
    if (message?.type === 2) return message;
  }
  return null;
}

function startRemotely(life: StationLife, nowMs: number): readonly LifeEffect[] {
  return stepLife(
    life,
    { type: 'text', text: '[2,"c","RemoteStartTransaction",{"connectorId":1,"idTag":"A"}]' },
    clockAt(nowMs),
  );
}

/** Answers with an empty result whatever is sent besides StartTransaction, which is given back; null: it was not sent. */
function startSent(life: StationLife, effects: readonly LifeEffect[], nowMs: number) {
  for (let call = sentCall(effects); call !== null; call = sentCall(effects)) {
    if (call.action === 'StartTransaction') return call;
    effects = stepLife(life, { type: 'text', text: `[3,"${call.id}",{}]` }, clockAt(nowMs));
  }
  return null;
}

function untilStart(life: StationLife, effects: readonly LifeEffect[], nowMs: number): Message {
  const call = startSent(life, effects, nowMs);
  if (call === null) throw new Error('no StartTransaction was sent');
  return call;
}

test.each(['new', 'same'] as const)(
  'a transaction message that fails is repeated with equal content and the %s id, then thrown away',
  (retryIds) => {
    const life = accepted('ocpp1.6', {
      retryIds,
      attemptIntervalMs: 10_000,
      attemptsMax: 3,
      meterIntervalMs: 1e9,
      chargingMs: [1e9, 1e9],
    });
    const first = untilStart(life, startRemotely(life, 0), 0);
    const failed = stepLife(
      life,
      { type: 'text', text: `[4,"${first.id}","InternalError","",{}]` },
      clockAt(0),
    );
    expect(startSent(life, failed, 0)).toBe(null);
    expect(startSent(life, stepLife(life, { type: 'tick' }, clockAt(9_999)), 9_999)).toBe(null);
    const second = untilStart(life, stepLife(life, { type: 'tick' }, clockAt(10_000)), 10_000);
    expect(second.payload).toEqual(first.payload);
    expect(second.id === first.id).toBe(retryIds === 'same');
    // Silence is a failure as well.
    stepLife(life, { type: 'tick' }, clockAt(40_000));
    const third = untilStart(life, stepLife(life, { type: 'tick' }, clockAt(60_000)), 60_000);
    const last = stepLife(
      life,
      { type: 'text', text: `[4,"${third.id}","InternalError","",{}]` },
      clockAt(60_000),
    );
    expect(last.some(({ type }) => type === 'discarded')).toBe(true);
    expect(life.stats).toMatchObject({ discarded: 1, guaranteedErrors: 2, timeouts: 1 });
  },
);

test('a lost link is no failed attempt: the message is repeated on the next link as often as it takes', () => {
  const life = accepted('ocpp1.6', {
    attemptsMax: 3,
    meterIntervalMs: 1e9,
    chargingMs: [1e9, 1e9],
    bootsOnReconnect: false,
  });
  let call = untilStart(life, startRemotely(life, 0), 0);
  for (let round = 1; round <= 5; round += 1) {
    stepLife(life, { type: 'closed' }, clockAt(round * 1_000_000));
    stepLife(life, { type: 'tick' }, clockAt(round * 1_000_000 + 500_000));
    const next = untilStart(
      life,
      stepLife(life, { type: 'opened', version: 'ocpp1.6' }, clockAt(round * 1_000_000 + 500_001)),
      round * 1_000_000 + 500_001,
    );
    expect(next.payload).toEqual(call.payload);
    call = next;
  }
  expect(life.stats.discarded).toBe(0);
});

test('a power cut inside a transaction is told after the boot, with its reason', () => {
  const { station, life } = live(
    { powerCutEveryMs: 3 * 3_600_000, chargingMs: [3_600_000, 7_200_000] },
    {},
    day,
  );
  const stops = guaranteedCalls(station).filter(({ message }) => message.payload['reason'] === 'PowerLoss');
  expect(life.stats.boots).toBeGreaterThan(2);
  expect(stops.length).toBeGreaterThan(0);
});

test('a command that is not known gets NotImplemented, and no command goes unanswered', () => {
  for (const version of ocppVersions) {
    const { station } = live(
      { offers: [version], powerCutEveryMs: Infinity },
      { commandEveryMs: 60_000, neverCommands: ['Reset'] },
      day,
    );
    const { exchanges, strays } = exchangesOf(station, 'received');
    expect(strays).toEqual([]);
    expect(exchanges.length).toBeGreaterThan(500);
    expect(exchanges.filter(({ answers }) => answers.length !== 1)).toEqual([]);
    const errors = exchanges.flatMap(({ answers }) => answers.filter(({ message }) => message.type === 4));
    expect(new Set(errors.map(({ message }) => message.code))).toEqual(new Set(['NotImplemented']));
  }
});

test('a 2.1 station sends a periodic event stream, which nobody answers', () => {
  const { station, backend } = live({ offers: ['ocpp2.1'] }, {}, 3_600_000);
  const sends = textsOf(station, 'sent').filter(({ text }) => readMessage(text)?.type === 6);
  expect(sends.length).toBeGreaterThan(10);
  expect(textsOf(backend, 'received').filter(({ text }) => readMessage(text)?.type === 6)).toHaveLength(
    sends.length,
  );
});

test('a server that accepts and closes at once is tried less and less often', () => {
  const life = createLife({ id: 'CP-1', seed: 1, offers: ['ocpp1.6'] }, 0);
  let nowMs = 0;
  const waits: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    stepLife(life, { type: 'tick' }, clockAt(nowMs));
    stepLife(life, { type: 'opened', version: 'ocpp1.6' }, clockAt(nowMs));
    stepLife(life, { type: 'closed' }, clockAt(nowMs));
    const connectAtMs = life.link.phase === 'down' ? life.link.connectAtMs : Number.NaN;
    waits.push(connectAtMs - nowMs);
    nowMs = connectAtMs;
  }
  expect(waits[0]).toBeLessThan(2_001);
  expect(waits.at(-1)).toBeGreaterThanOrEqual(60_000);
});

test('a station speaks the version the server chose, but not while it keeps messages of another', () => {
  const idle = accepted('ocpp2.0.1', { offers: ['ocpp2.0.1', 'ocpp1.6'], bootsOnReconnect: false });
  reconnect(idle, 1_000_000);
  const boot = sentCall(stepLife(idle, { type: 'opened', version: 'ocpp1.6' }, clockAt(1_000_000)));
  expect(boot?.payload).toMatchObject({ chargePointVendor: 'Busbar Simulator' });

  const busy = accepted('ocpp1.6', {
    offers: ['ocpp1.6', 'ocpp2.0.1'],
    meterIntervalMs: 1e9,
    chargingMs: [1e9, 1e9],
  });
  untilStart(busy, startRemotely(busy, 0), 0);
  reconnect(busy, 1_000_000);
  const effects = stepLife(busy, { type: 'opened', version: 'ocpp2.0.1' }, clockAt(1_000_000));
  expect(effects).toEqual([{ type: 'close', code: 1002 }]);
  expect(busy.version).toBe('ocpp1.6');
});

function reconnect(life: StationLife, nowMs: number): void {
  stepLife(life, { type: 'closed' }, clockAt(nowMs - 500_000));
  const effects = stepLife(life, { type: 'tick' }, clockAt(nowMs));
  expect(effects).toEqual([{ type: 'connect', offers: life.options.offers }]);
}

test('with a full queue readings are left out, the start and the end of a transaction never', () => {
  const life = accepted('ocpp1.6', { queueMax: 3, meterIntervalMs: 1_000, chargingMs: [10_500, 10_500] });
  stepLife(life, { type: 'closed' }, clockAt(0));
  life.connectors[0] = { phase: 'idle', plugInAtMs: 0 };
  for (let nowMs = 0; nowMs <= 11_000; nowMs += 500) stepLife(life, { type: 'tick' }, clockAt(nowMs));
  expect(life.queue.map(({ action }) => action)).toEqual([
    'StartTransaction',
    'MeterValues',
    'MeterValues',
    'StopTransaction',
  ]);
  expect(life.stats.skipped).toBe(8);
});

test('a soft reset ends transactions first, a hard one tells of them after the boot', () => {
  for (const [type, reason] of [
    ['Soft', 'SoftReset'],
    ['Hard', 'HardReset'],
  ] as const) {
    const life = accepted('ocpp1.6', {
      rebootMs: [5_000, 5_000],
      chargingMs: [1e9, 1e9],
      meterIntervalMs: 1e9,
    });
    startSent(life, startRemotely(life, 0), 0);
    const effects = stepLife(life, { type: 'text', text: `[2,"r","Reset",{"type":"${type}"}]` }, clockAt(10));
    expect(effects.map((effect) => (effect.type === 'send' ? effect.text : effect.type))).toEqual([
      '[3,"r",{"status":"Accepted"}]',
      type === 'Soft' ? 'close' : 'terminate',
    ]);
    expect(life.queue.map(({ action }) => action)).toEqual(
      type === 'Soft' ? ['StartTransaction', 'StopTransaction'] : ['StartTransaction'],
    );
    stepLife(life, { type: 'closed' }, clockAt(20));
    stepLife(life, { type: 'tick' }, clockAt(5_010));
    expect(life.queue.at(-1)?.payload).toMatchObject({ reason });
  }
});

test('a 2.x station that is told to reset when idle does so after its transaction', () => {
  const life = accepted('ocpp2.0.1', { chargingMs: [60_000, 60_000], meterIntervalMs: 1e9 });
  const request = '{"evseId":1,"remoteStartId":4,"idToken":{"idToken":"A","type":"ISO14443"}}';
  answerAll(
    life,
    stepLife(life, { type: 'text', text: `[2,"a","RequestStartTransaction",${request}]` }, clockAt(0)),
    0,
  );
  const told = stepLife(life, { type: 'text', text: '[2,"b","Reset",{"type":"OnIdle"}]' }, clockAt(1));
  expect(told[0]).toEqual({ type: 'send', text: '[3,"b",{"status":"Scheduled"}]' });
  const effects = stepLife(life, { type: 'tick' }, clockAt(60_000));
  expect(effects.map(({ type }) => type)).toContain('close');
  expect(life.queue.at(-1)?.payload).toMatchObject({ eventType: 'Ended' });
});

function answerAll(life: StationLife, effects: readonly LifeEffect[], nowMs: number): void {
  for (let call = sentCall(effects); call !== null; call = sentCall(effects)) {
    effects = stepLife(life, { type: 'text', text: `[3,"${call.id}",{}]` }, clockAt(nowMs));
  }
}
