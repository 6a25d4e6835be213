/** An operator decides about what is held. */
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Bench, sent } from '../../testkit/station-bench.ts';
import type { HeldEntry } from '../hold/held-lane.ts';
import type { Delivery } from '../hold/held-message.ts';
import type { DecisionOutcome, DeliveryDecision } from './events.ts';

const covers = {
  whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity },
} as const;

/** A station whose backend is down, so that what it says is held. */
function covered(): Bench {
  const bench = new Bench(covers);
  bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
  bench.connect();
  bench.do({
    type: 'backend_lost',
    backend: 'old',
    epoch: bench.backendEpoch('old'),
    code: 1006,
    reason: 'gone',
  });
  return bench;
}

let serial = 0;
function says(bench: Bench, action: string, payload: object): HeldEntry {
  serial += 1;
  bench.fromStation(JSON.stringify([2, `s${serial}`, action, payload]));
  const entry = held(bench).at(-1);
  if (entry === undefined) throw new Error('nothing is held');
  return entry;
}

function held({ state }: Bench): HeldEntry[] {
  return state.held.flatMap((lane) => [...lane]);
}

function start(bench: Bench): HeldEntry {
  return says(bench, 'StartTransaction', {
    connectorId: 1,
    idTag: 'T',
    meterStart: serial,
    timestamp: '2026-01-01T00:00:00Z',
  });
}

function stop(bench: Bench, transactionId: number): HeldEntry {
  return says(bench, 'StopTransaction', { transactionId, meterStop: 9, timestamp: '2026-01-01T01:00:00Z' });
}

function back(bench: Bench): void {
  bench.pass(120_000);
  bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
}

/** Makes the state of a message as if its backend had refused it for good. */
function park(bench: Bench, entry: HeldEntry, more: Partial<Delivery> = {}): void {
  bench.state.held[0]?.mark(entry, {
    state: 'parked',
    attempts: 4,
    retryAt: 0,
    lastError: 'InternalError',
    ...more,
  });
}

function decide(
  bench: Bench,
  { message: { number } }: HeldEntry,
  decision: DeliveryDecision,
): DecisionOutcome {
  for (const effect of bench.do({ type: 'delivery_decided', requestId: 7, number, decision }))
    if (effect.type === 'decision_settled' && effect.requestId === 7) return effect.outcome;
  throw new Error('it was not settled');
}

const deliveries = ({ last }: Bench): unknown[] =>
  last.records.flatMap((record) =>
    record.type === 'delivery' ? [[record.number, record.outcome, record.delivery]] : [],
  );

describe('a parked message', () => {
  test('that is retried stands as if it had never been refused', () => {
    const bench = covered();
    const entry = start(bench);
    park(bench, entry);
    expect(decide(bench, entry, 'retry')).toEqual({ kind: 'done' });
    const fresh = { state: 'waiting', attempts: 0, retryAt: 0, lastError: null };
    expect(deliveries(bench)).toEqual([[entry.message.number, 'retried', fresh]]);
    expect(bench.state.held[0]?.next(0)).toBe(entry);
  });

  test('that the backend may have already is still such a one when it is retried', () => {
    const bench = covered();
    const entry = start(bench);
    park(bench, entry, { possiblyDuplicate: true });
    decide(bench, entry, 'retry');
    expect(entry.delivery).toMatchObject({ attempts: 0, possiblyDuplicate: true });
  });

  test('that is dropped is gone, and is not sent', () => {
    const bench = covered();
    const entry = start(bench);
    park(bench, entry);
    expect(decide(bench, entry, 'drop')).toEqual({ kind: 'done' });
    expect(deliveries(bench)).toEqual([[entry.message.number, 'dropped', null]]);
    expect(bench.state.held).toEqual([]);
    back(bench);
    bench.pass(1_000);
    expect(bench.state.backends[0]?.slot ?? null).toBeNull();
  });

  test('that is dropped is not held again when its station repeats it', () => {
    const bench = covered();
    const payload = { connectorId: 1, idTag: 'T', meterStart: 5, timestamp: '2026-01-01T00:00:00Z' };
    const entry = says(bench, 'StartTransaction', payload);
    park(bench, entry);
    decide(bench, entry, 'drop');
    const effects = bench.fromStation(JSON.stringify([2, 'again', 'StartTransaction', payload]));
    expect(sent(effects, 'station')).toEqual([`[3,"again",${String(entry.message.answer)}]`]);
    expect(bench.state.held).toEqual([]);
  });

  test.each(['at once', 'in line'])(
    'that is dropped leaves the rest of its transaction, which comes later, to an operator too: sent %s',
    (when) => {
      const bench = covered();
      const first = start(bench);
      const { transactionId } = JSON.parse(first.message.answer ?? '') as { transactionId: number };
      back(bench);
      bench.pass(1_000);
      park(bench, first);
      const { slot } = bench.state.backends[0] ?? {};
      if (slot != null) bench.fromBackend(`[4,"${slot.sentId}","InternalError","",{}]`);
      decide(bench, first, 'drop');
      if (when === 'in line') bench.fromStation('[2,"ahead","DataTransfer",{"vendorId":"v"}]');
      const payload = { transactionId, meterStop: 9, timestamp: '2026-01-01T01:00:00Z' };
      bench.fromStation(JSON.stringify([2, 'last', 'StopTransaction', payload]));
      bench.fromBackend(`[3,"${bench.state.backends[0]?.slot?.sentId}",{"status":"Accepted"}]`);
      const why = 'it is about what this backend was never told of';
      expect(held(bench)).toMatchObject([
        { message: { action: 'StopTransaction' }, delivery: { state: 'parked', lastError: why } },
      ]);
    },
  );

  test('lets go of what stands behind it once it is dropped', () => {
    const bench = covered();
    const first = start(bench);
    const { transactionId } = JSON.parse(first.message.answer ?? '') as { transactionId: number };
    const second = stop(bench, transactionId);
    expect(second.message.transaction).toBe(first.message.transaction);
    park(bench, first);
    expect(bench.state.held[0]?.depth(0)).toMatchObject({ held: 0, parked: 2, atRisk: 2 });
    expect(decide(bench, second, 'retry')).toMatchObject({ kind: 'refused', reason: 'behind' });
    decide(bench, first, 'drop');
    expect(bench.state.held[0]?.depth(0)).toMatchObject({ held: 1, parked: 0, atRisk: 0 });
    expect(bench.state.held[0]?.depth(Infinity)).toMatchObject({ held: 1, parked: 0, atRisk: 1 });
  });
});

describe('nothing is decided', () => {
  test('about a message that its backend has and has not answered', () => {
    const bench = covered();
    const entry = start(bench);
    back(bench);
    bench.pass(1_000);
    expect(bench.state.backends[0]?.slot?.held).toBe(entry.message.number);
    for (const decision of ['retry', 'drop'] as const)
      expect(decide(bench, entry, decision)).toMatchObject({ kind: 'refused', reason: 'on_its_way' });
    expect(held(bench)).toEqual([entry]);
  });

  test('about a number that nothing has', () => {
    const bench = covered();
    const entry = start(bench);
    decide(bench, entry, 'drop');
    expect(decide(bench, entry, 'drop')).toMatchObject({ kind: 'refused', reason: 'unknown' });
  });

  test('while the journal cannot be written', () => {
    const bench = covered();
    const entry = start(bench);
    bench.context.isJournalWritable = false;
    expect(decide(bench, entry, 'drop')).toMatchObject({ kind: 'refused', reason: 'journal_failing' });
    expect(held(bench)).toEqual([entry]);
  });
});

test('a retried message leaves at once where its backend is there', () => {
  const bench = covered();
  const entry = start(bench);
  park(bench, entry);
  back(bench);
  bench.pass(1_000);
  expect(bench.state.backends[0]?.slot ?? null).toBeNull();
  decide(bench, entry, 'retry');
  expect(sent(bench.last.effects, 'backend')).toHaveLength(1);
});

test('a lane that passes its warning mark says so once, and again only after it has emptied well below', () => {
  const bench = covered();
  bench.context.settings = { ...bench.context.settings, heldMax: 10 };
  const notices: number[] = [];
  const another = (): HeldEntry => {
    const entry = start(bench);
    for (const effect of bench.last.effects)
      if (effect.type === 'notice' && effect.notice === 'held_near_bound') notices.push(held(bench).length);
    return entry;
  };
  for (let count = 0; count < 10; count += 1) another();
  expect(notices).toEqual([9]);
  const leave = (count: number): void => {
    for (const entry of held(bench).slice(0, count)) decide(bench, entry, 'drop');
  };
  // Filled and emptied around the mark.
  leave(3);
  for (let count = 0; count < 3; count += 1) another();
  expect(notices).toEqual([9]);
  leave(4);
  for (let count = 0; count < 4; count += 1) another();
  expect(notices).toEqual([9, 9]);
});
