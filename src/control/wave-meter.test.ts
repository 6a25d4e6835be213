import { describe, expect, test } from 'vitest';
import type {
  ChangedRecord,
  DurableChange,
  FrameRecord,
  JournalRecord,
  LinkName,
} from '../core/journal/record.ts';
import type { SessionCounts } from '../core/migration/state.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { JournalFeed } from '../ports/registry.ts';
import type { Assignment } from '../core/routing/table.ts';
import { Bench } from '../testkit/station-bench.ts';
import { driveMigration, type DrivenMigration } from '../testkit/driven-migration.ts';
import { createWaveMeter, type WaveMeter } from './wave-meter.ts';

interface Measured {
  readonly meter: WaveMeter;
  readonly feed: JournalFeed;
  readonly driven: DrivenMigration;
  readonly publish: (record: JournalRecord) => void;
  readonly listeners: () => number;
}

/** CP-1 has moved, unless none has; CP-2 has not. */
function measured({ hasMoved } = { hasMoved: true }): Measured {
  const driven = driveMigration({ soakMs: 60_000 }, [['CP-1', 'CP-2']]);
  driven.decide({ do: 'start' });
  for (const [id, station] of driven.stations) if (id === 'CP-2') station.isConnected = false;
  if (hasMoved) driven.run(4);
  const listeners = new Set<Parameters<JournalFeed['subscribe']>[0]>();
  const feed: JournalFeed = {
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
  const meter = createWaveMeter(feed);
  meter.follow(driven.state);
  const publish = (record: JournalRecord): void => {
    for (const listener of listeners) listener(record, 1);
  };
  return { meter, feed, driven, publish, listeners: () => listeners.size };
}

function answer(station: string, link: LinkName, more: Partial<FrameRecord> = {}): FrameRecord {
  const { kind = 'result', action = 'Heartbeat' } = more;
  return {
    type: 'frame',
    at: 0,
    station: station as StationId,
    link,
    kind,
    action,
    text: kind === 'result' ? '[3,"1",{}]' : '[4,"1","InternalError","",{}]',
    idStart: 3,
    idEnd: 6,
    outcome: 'relayed',
    relayedTo: 'station',
    relayedIdToken: '"2"',
    latencyMs: 40,
    ...more,
  };
}

const changed = (station: string, change: DurableChange, at = 0): ChangedRecord => ({
  type: 'changed',
  at,
  station: station as StationId,
  change,
});

function begun(station: string, owner: string, isBeginning = true): JournalRecord {
  const opened = {
    type: 'transaction_opened',
    key: 'k',
    family: 'v2',
    ext: 'T',
    owner,
    connectorId: 1,
    idTag: null,
    meterStart: null,
    startedAt: null,
    to: [owner],
    ids: 'shown',
    isBeginning,
    atMs: 0,
  } as const;
  return changed(station, { what: 'ids', change: opened });
}

function ended(station: string, owner: string): JournalRecord {
  const over = { type: 'transaction_ended', key: 'k', owner, stopKey: null, atMs: 0 } as const;
  return changed(station, { what: 'ids', change: over });
}

function handed(station: string, to: string): JournalRecord {
  return changed(station, { what: 'ids', change: { type: 'transaction_handed', key: 'k', to } });
}

function placed(station: string, primary: string, at = 0): ChangedRecord {
  const placement = {
    routed: 'old',
    primary,
    before: null,
    observers: null,
    observersBefore: null,
    at,
    keepWarmMs: 0,
    ready: [],
  };
  return changed(station, { what: 'placed', placement }, at);
}

function sessionsIn(meter: WaveMeter): SessionCounts | undefined {
  return meter.take('m').counted[0]?.sessions;
}

const verdict = (action: string, text: string): Partial<FrameRecord> => ({ action, text });

const boot = (text: string): FrameRecord =>
  answer('CP-2', 'backend:new', { ...verdict('BootNotification', text), outcome: 'consumed' });

/** Busbar answered CP-1 in the place of that backend. */
const heldFor = (backend: string): JournalRecord => ({
  type: 'held',
  at: 0,
  station: 'CP-1' as StationId,
  message: {
    number: 1,
    backend,
    key: 'k',
    version: 'ocpp1.6',
    action: 'StopTransaction',
    transaction: 't',
    hasLeft: false,
    answer: '{}',
    isWorded: true,
    text: '[2,"1","StopTransaction",{}]',
    since: 0,
  },
});

const coveredStop = answer('CP-1', 'station', {
  kind: 'call',
  action: 'StopTransaction',
  outcome: 'covered',
  relayedTo: null,
  latencyMs: null,
});

const epochOf = (bench: Bench): number => bench.backendEpoch('old');
const authorize = '[2,"1","Authorize",{"idTag":"A"}]';
const start =
  '[2,"2","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}]';
const status = '[2,"3","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]';
const readings = '[2,"4","MeterValues",{"connectorId":1,"meterValue":[]}]';
const covers = { covers: true, untilMs: Infinity, untilMessages: Infinity } as const;
type Step = (bench: Bench) => unknown;
const says =
  (text: string): Step =>
  (bench) =>
    bench.fromStation(text);
const passes =
  (ms: number): Step =>
  (bench) =>
    bench.pass(ms);
const isAnswered: Step = (bench) =>
  bench.fromBackend(`[3,"${bench.state.backends[0]?.slot?.sentId ?? '?'}",{}]`);
const isLost: Step = (bench) =>
  bench.do({ type: 'backend_lost', backend: 'old', epoch: epochOf(bench), code: 1006, reason: 'gone' });
const leaves: Step = (bench) => bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });

describe('the meter of waves', () => {
  test('counts answers of the backend that a station is with, at the side of the move it is on', () => {
    const { meter, publish } = measured();
    publish(answer('CP-1', 'backend:new'));
    publish(answer('CP-1', 'backend:new', { kind: 'error', outcome: 'rewritten' }));
    publish(answer('CP-1', 'backend:old'));
    publish(answer('CP-2', 'backend:old'));
    publish(answer('CP-2', 'backend:new', { outcome: 'consumed' }));
    publish(answer('CP-9', 'backend:new'));
    publish(answer('CP-1', 'station'));
    const heard = meter.take('m');
    expect(heard.counted).toMatchObject([
      { wave: 0, before: { answered: 1, errors: 0 }, after: { answered: 2, errors: 1 } },
    ]);
    expect(heard.answered).toEqual(['CP-1']);
    expect(heard.counted[0]?.after.answers.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(meter.take('m').counted).toEqual([]);
  });

  test('counts what a backend thinks of drivers, in each version', () => {
    const { meter, publish } = measured();
    const texts: [string, string][] = [
      ['Authorize', '[3,"1",{"idTagInfo":{"status":"Accepted"}}]'],
      ['StartTransaction', '[3,"1",{"idTagInfo":{"status":"Blocked"},"transactionId":7}]'],
      ['TransactionEvent', '[3,"1",{"idTokenInfo":{"status":"Accepted"}}]'],
      ['TransactionEvent', '[3,"1",{}]'],
      ['DataTransfer', '[3,"1",{"idTagInfo":{"status":"Accepted"}}]'],
    ];
    for (const [action, text] of texts) publish(answer('CP-1', 'backend:new', verdict(action, text)));
    expect(meter.take('m').counted).toMatchObject([{ after: { asked: 3, accepted: 2 } }]);
  });

  test('hears what the new backend says of a boot, also one that Busbar told it of', () => {
    const { meter, publish } = measured();
    publish(boot('[3,"1",{"status":"Accepted","interval":60}]'));
    publish(boot('[3,"1",{"status":"Rejected","interval":60}]'));
    expect(meter.take('m').boots).toEqual([{ station: 'CP-2', isAccepted: false }]);
  });

  test('counts calls that got no answer, and links that ended', () => {
    const { meter, publish } = measured();
    const station = 'CP-1' as StationId;
    const link = {
      type: 'link',
      at: 0,
      station,
      change: 'closed',
      version: null,
      code: null,
      reason: null,
    } as const;
    publish({ type: 'dropped', at: 0, station, link: 'station', action: 'Heartbeat', reason: 'expired' });
    publish({ type: 'dropped', at: 0, station, link: 'backend:new', action: 'Reset', reason: 'expired' });
    publish({ ...link, link: 'station' });
    publish({ ...link, link: 'backend:new' });
    publish({ ...link, link: 'backend:old' });
    publish({ ...link, link: 'backend:new', change: 'opened' });
    expect(meter.take('m').counted).toMatchObject([{ after: { unanswered: 1, drops: 2 } }]);
  });

  test('says for which stations a delivery changed', () => {
    const { meter, publish } = measured();
    publish({
      type: 'delivery',
      at: 0,
      station: 'CP-1' as StationId,
      backend: 'new',
      number: 1,
      action: 'StopTransaction',
      outcome: 'delivered',
      delivery: null,
    });
    expect([...meter.take('m').touched]).toEqual(['CP-1']);
  });

  test('counts sessions by where they begin and end, from the first move of their wave', () => {
    const { meter, publish } = measured({ hasMoved: false });
    publish(begun('CP-1', 'old'));
    publish(ended('CP-2', 'old'));
    expect(sessionsIn(meter)).toBeUndefined();
    publish(placed('CP-2', 'old'));
    publish(placed('CP-1', 'new', 77));
    publish(begun('CP-2', 'old'));
    publish(begun('CP-1', 'new'));
    publish(begun('CP-1', 'new', false));
    publish(begun('CP-1', 'vendor'));
    publish(ended('CP-1', 'new'));
    publish(handed('CP-1', 'new'));
    publish(begun('CP-9', 'new'));
    expect(sessionsIn(meter)).toEqual({
      since: 77,
      begunAtOld: 1,
      begunAtNew: 1,
      endedAtOld: 0,
      endedAtNew: 1,
      crossed: 0,
      handedOver: 1,
    });
    publish(begun('CP-2', 'old'));
    expect(sessionsIn(meter)).toMatchObject({ since: null, begunAtOld: 1 });
  });

  test('knows a session that crossed the move by where its station is when it ends', () => {
    const { meter, publish } = measured({ hasMoved: false });
    publish(placed('CP-1', 'new'));
    publish(ended('CP-1', 'old'));
    publish(ended('CP-2', 'old'));
    expect(sessionsIn(meter)).toMatchObject({ endedAtOld: 2, crossed: 1 });
    publish(placed('CP-1', 'old'));
    publish(ended('CP-1', 'old'));
    expect(sessionsIn(meter)).toMatchObject({ endedAtOld: 1, crossed: 0 });
  });

  test('goes on after a restart with what was saved: which waves and stations have moved', () => {
    const { publish, driven, feed } = measured({ hasMoved: true });
    for (const { sessions } of driven.state.head.waves) sessions.since = 5;
    const again = createWaveMeter(feed);
    again.follow(driven.state);
    publish(ended('CP-1', 'old'));
    publish(ended('CP-2', 'old'));
    publish({ ...placed('CP-1', 'new'), change: { what: 'placed', placement: null } });
    publish(ended('CP-1', 'old'));
    expect(sessionsIn(again)).toMatchObject({ since: null, endedAtOld: 3, crossed: 2 });
  });

  test('follows the journal only while there is something to count', () => {
    const { meter, publish, listeners, driven } = measured();
    expect(listeners()).toBe(1);
    meter.follow(driven.state);
    expect(listeners()).toBe(1);
    meter.forget('m');
    expect(listeners()).toBe(0);
    publish(answer('CP-1', 'backend:new'));
    expect(meter.take('m').counted).toEqual([]);
  });

  test('a call for another backend that Busbar answered is no call without an answer of this one', () => {
    const { meter, publish } = measured();
    publish(coveredStop);
    publish(heldFor('old'));
    expect(meter.take('m').counted[0]?.after.unanswered ?? 0).toBe(0);
    publish(coveredStop);
    publish(heldFor('new'));
    expect(meter.take('m').counted).toMatchObject([{ after: { unanswered: 1 } }]);
  });

  test('sessions of a wave that moved right before a crash are counted', () => {
    const { publish, driven, feed } = measured({ hasMoved: true });
    // Saved with the move; what was counted in that second was not.
    for (const wave of driven.state.head.waves)
      expect(wave).toMatchObject({ firstMoveAt: expect.any(Number) });
    const again = createWaveMeter(feed);
    again.follow(driven.state);
    publish(begun('CP-1', 'new'));
    expect(sessionsIn(again)).toMatchObject({ begunAtNew: 1 });
    expect(driven.state.head.waves[0]?.sessions.since).not.toBeNull();
  });

  test('sessions of a wave whose stations a route moved are counted', () => {
    const { meter, publish, driven } = measured({ hasMoved: false });
    const station = driven.stations.get('CP-1' as StationId);
    if (station !== undefined) station.primary = 'new';
    driven.run(3);
    expect(driven.progress('CP-1').phase).toBe('moved');
    publish(begun('CP-1', 'new'));
    expect(sessionsIn(meter)).toMatchObject({ begunAtNew: 1 });
  });

  test('links that Busbar closes since it is shut down are no links that were lost', () => {
    const { meter, publish } = measured();
    const closed = {
      type: 'link',
      at: 0,
      station: 'CP-1' as StationId,
      change: 'closed',
      version: null,
      code: 1012,
      reason: 'shutting_down',
    } as const;
    publish({ ...closed, link: 'station' });
    publish({ ...closed, link: 'backend:new' });
    expect(meter.take('m').counted[0]?.after.drops ?? 0).toBe(0);
  });

  test.each(['station_gone', 'station_reconnects'])(
    'a link that Busbar closes since its station’s has ended is no other that was lost: %s',
    (reason) => {
      const { meter, publish } = measured();
      const closed = {
        type: 'link',
        at: 0,
        station: 'CP-1' as StationId,
        change: 'closed',
        version: null,
        code: 1001,
      } as const;
      publish({ ...closed, link: 'station', reason: 'no_pong' });
      publish({ ...closed, link: 'backend:new', reason });
      expect(meter.take('m').counted[0]?.after.drops).toBe(1);
    },
  );

  test.each<[string, number, Partial<Assignment>, readonly Step[]]>([
    ['took and never answered', 1, {}, [says('[2,"1","Heartbeat",{}]'), passes(30_000)]],
    ['took and never answered, and the station keeps', 1, {}, [says(start), passes(30_000)]],
    ['had when its link went', 1, {}, [says(authorize), isLost]],
    ['had answered when its link went', 0, {}, [says(authorize), isAnswered, isLost]],
    ['had when its station went', 0, {}, [says(authorize), leaves, isLost]],
    ['had when its link went, and Busbar answers', 1, { whenDown: covers }, [says(authorize), isLost]],
    ['was silent about, so that Busbar answers', 1, { whenDown: covers }, [says(authorize), passes(8_000)]],
    ['was silent about, and is still to get', 1, { whenDown: covers }, [says(start), passes(8_000)]],
    ['never got, for it was down', 1, { whenDown: covers }, [isLost, says(authorize)]],
    ['never got, for it was down, and is to learn', 1, { whenDown: covers }, [isLost, says(status)]],
    ['never got, for it was down, and is still to get', 1, { whenDown: covers }, [isLost, says(start)]],
    [
      'never got, for another was out when it went',
      2,
      { whenDown: covers },
      [says(authorize), says(status), isLost],
    ],
    [
      'need not answer, though Busbar holds it',
      0,
      { localAnswers: new Set(['MeterValues']) },
      [says(readings)],
    ],
    [
      'has while Busbar answers another by itself',
      0,
      { localAnswers: new Set(['StatusNotification']) },
      [says(authorize), says(status), isAnswered],
    ],
  ])('of a call that a backend %s, %i are counted as not answered', (_, unanswered, assignment, steps) => {
    const { meter, publish } = measured();
    const bench = new Bench(assignment);
    bench.connect();
    for (const take of steps) {
      take(bench);
      for (const record of bench.last.records)
        if ('station' in record) publish({ ...record, station: 'CP-2' as StationId });
    }
    expect(meter.take('m').counted[0]?.before.unanswered ?? 0).toBe(unanswered);
  });

  test('a call that waited in vain is counted once', () => {
    const { meter, publish } = measured();
    const station = 'CP-2' as StationId;
    const text = '[4,"2","GenericError","The backend did not answer in time.",{}]';
    const error = {
      purpose: 'relay',
      kind: 'error',
      action: 'Heartbeat',
      text,
      idStart: 3,
      idEnd: 6,
    } as const;
    publish({ type: 'dropped', at: 0, station, link: 'station', action: 'Heartbeat', reason: 'expired' });
    publish({ type: 'sent', at: 0, station, link: 'station', ...error });
    expect(meter.take('m').counted[0]?.before.unanswered).toBe(1);
  });
});
