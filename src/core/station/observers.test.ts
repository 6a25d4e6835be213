/** A backend that listens in: what it is told, and that nobody waits for it. */
import { hash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { Bench, sent } from '../../testkit/station-bench.ts';
import type { MessageClass } from '../../protocol/message-class.ts';
import type { Effect } from './events.ts';
import { copiesMax } from './state.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const available =
  '{"connectorId":1,"errorCode":"NoError","status":"Available","timestamp":"2023-01-01T00:00:00Z"}';

function observed(
  receives: readonly MessageClass[] = ['registration', 'liveness', 'state'],
  nonBilling = false,
): Bench {
  const bench = new Bench({
    observers: [{ backend: 'new', receives: new Set(receives), commands: new Set() }],
  });
  const { routing } = bench.context;
  const backends = new Map([...routing.backends].map(([name, facts]) => [name, { ...facts, nonBilling }]));
  bench.context.routing = { ...routing, backends };
  return bench;
}

/** Text of what left for that backend, without its message id. */
function to(bench: Bench, backend: string, effects: readonly Effect[] = bench.last.effects): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'send' && effect.link.side === 'backend' && effect.link.backend === backend
      ? [effect.text.replace(/^\[(\d),"[^"]*"/, '[$1')]
      : [],
  );
}

function idTo(bench: Bench, backend: string): string {
  const texts = bench.last.effects.flatMap((effect) =>
    effect.type === 'send' && effect.link.side === 'backend' && effect.link.backend === backend
      ? [effect.text]
      : [],
  );
  return (JSON.parse(texts[0] ?? '[]') as string[])[1] ?? '';
}

const open = (bench: Bench, backend: string): readonly Effect[] =>
  bench.do({ type: 'backend_opened', backend, epoch: bench.backendEpoch(backend) });

/** A station that has booted and told a status to its primary before the observer was there. */
function withPast(bench: Bench): void {
  bench.connect();
  bench.fromStation(boot);
  bench.fromBackend(`[3,"${idTo(bench, 'old')}",${accepted}]`);
  bench.fromStation(`[2,"s","StatusNotification",${available}]`);
  bench.fromBackend(`[3,"${idTo(bench, 'old')}",{}]`);
}

function synced(receives: readonly MessageClass[], nonBilling: boolean): Bench {
  const bench = observed(receives, nonBilling);
  withPast(bench);
  open(bench, 'new');
  for (const answer of [accepted, '{}', '{"currentTime":"2023-11-14T22:13:30Z"}'])
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${answer}]`, 'new');
  return bench;
}

describe('on attach', () => {
  test('is told the boot, then every status with its own time, then a heartbeat, one at a time', () => {
    const bench = observed();
    withPast(bench);
    expect(to(bench, 'new', open(bench, 'new'))).toEqual([boot.replace('"b",', '')]);
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${accepted}]`, 'new');
    expect(to(bench, 'new')).toEqual([`[2,"StatusNotification",${available}]`]);
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",{}]`, 'new');
    expect(to(bench, 'new')).toEqual(['[2,"Heartbeat",{}]']);
    const link = bench.state.backends.find(({ backend }) => backend === 'new');
    expect(link?.priming.phase).toBe('priming');
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",{"currentTime":"2023-11-14T22:13:30Z"}]`, 'new');
    expect(link?.priming.phase).toBe('synced');
    expect(sent(bench.last.effects, 'station')).toEqual([]);
  });

  test('is told nothing that the station said in another version', () => {
    const bench = observed();
    withPast(bench);
    bench.do({ type: 'station_lost', epoch: 1, code: null, reason: 'gone' });
    bench.pass(60_000);
    bench.connect(2, true, 'ocpp2.0.1');
    expect(to(bench, 'new', open(bench, 'new'))).toEqual([]);
    const boot2 =
      '[2,"b2","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]';
    expect(to(bench, 'new', bench.fromStation(boot2))).toEqual([boot2.replace('"b2",', '')]);
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${accepted}]`, 'new');
    expect(to(bench, 'new')).toEqual(['[2,"Heartbeat",{}]']);
  });

  test('is told the last word on a connector of which the station speaks meanwhile, and nothing older after it', () => {
    const bench = observed();
    withPast(bench);
    const say = (status: string): void => {
      const said = available.replace('"connectorId":1', '"connectorId":2').replace('Available', status);
      bench.fromStation(`[2,"${status}","StatusNotification",${said}]`);
      bench.fromBackend(`[3,"${idTo(bench, 'old')}",{}]`);
    };
    say('Available');
    open(bench, 'new');
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${accepted}]`, 'new');
    let asked = idTo(bench, 'new');
    say('Preparing');
    say('Charging');
    const told: string[] = [];
    for (; asked !== ''; asked = idTo(bench, 'new')) {
      bench.fromBackend(`[3,"${asked}",{}]`, 'new');
      told.push(...to(bench, 'new').flatMap((text) => /"status":"(\w+)"/.exec(text)?.[1] ?? []));
    }
    expect(told).toEqual(['Charging']);
    const link = bench.state.backends.find(({ backend }) => backend === 'new');
    expect(link?.priming.phase).toBe('synced');
  });

  test('its Pending stays between it and Busbar, which asks again when it said', () => {
    const bench = observed();
    withPast(bench);
    open(bench, 'new');
    bench.fromBackend(
      `[3,"${idTo(bench, 'new')}",{"status":"Pending","currentTime":"x","interval":30}]`,
      'new',
    );
    expect(bench.last.effects).toEqual([]);
    bench.pass(29_000);
    expect(to(bench, 'new')).toEqual([]);
    bench.pass(1_000);
    expect(to(bench, 'new')).toEqual([boot.replace('"b",', '')]);
  });

  test('one that accepted this boot before is not told it again', () => {
    const bench = observed();
    withPast(bench);
    open(bench, 'new');
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${accepted}]`, 'new');
    bench.do({
      type: 'backend_lost',
      backend: 'new',
      epoch: bench.backendEpoch('new'),
      code: null,
      reason: 'x',
    });
    bench.pass(60_000);
    expect(to(bench, 'new', open(bench, 'new'))).toEqual([`[2,"StatusNotification",${available}]`]);
  });

  test('heartbeats come at the interval it asked for, and only while the station is proved alive', () => {
    const bench = observed();
    withPast(bench);
    open(bench, 'new');
    for (const answer of [accepted, '{}', '{"currentTime":"2023-11-14T22:13:30Z"}'])
      bench.fromBackend(`[3,"${idTo(bench, 'new')}",${answer}]`, 'new');
    bench.pass(299_000);
    expect(to(bench, 'new')).toEqual([]);
    bench.do({ type: 'station_pong', epoch: 1 });
    bench.pass(1_000);
    expect(to(bench, 'new')).toEqual(['[2,"Heartbeat",{}]']);
  });

  test('one that refused a status is told all of them again, until it takes them', () => {
    const bench = observed();
    withPast(bench);
    open(bench, 'new');
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${accepted}]`, 'new');
    bench.fromBackend(`[4,"${idTo(bench, 'new')}","InternalError","",{}]`, 'new');
    const beat = '{"currentTime":"2023-11-14T22:13:30Z"}';
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${beat}]`, 'new');
    const link = bench.state.backends.find(({ backend }) => backend === 'new');
    expect(link?.priming).toMatchObject({ phase: 'failed', reason: 'status: InternalError' });
    bench.context.nowMs += 180_000;
    bench.fromStation('[2,"h","Heartbeat",{}]');
    expect(to(bench, 'new')).toEqual([`[2,"StatusNotification",${available}]`]);
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",{}]`, 'new');
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",${beat}]`, 'new');
    expect(link?.priming.phase).toBe('synced');
  });

  test('one that refused the heartbeat which ends it is told all again within minutes, whatever interval it asked for', () => {
    const bench = observed();
    withPast(bench);
    open(bench, 'new');
    const daily = accepted.replace('300', '86400');
    for (const answer of [daily, '{}']) bench.fromBackend(`[3,"${idTo(bench, 'new')}",${answer}]`, 'new');
    bench.fromBackend(`[4,"${idTo(bench, 'new')}","InternalError","",{}]`, 'new');
    const link = bench.state.backends.find(({ backend }) => backend === 'new');
    expect(link?.priming).toMatchObject({ phase: 'failed', reason: 'heartbeat: InternalError' });
    bench.pass(300_000);
    expect(to(bench, 'new')).toEqual([`[2,"StatusNotification",${available}]`]);
  });

  test('one that has forgotten the station is told the boot again, and how it is, which it refused', () => {
    const bench = observed();
    withPast(bench);
    open(bench, 'new');
    for (const answer of [accepted, '{}', '{"currentTime":"2023-11-14T22:13:30Z"}'])
      bench.fromBackend(`[3,"${idTo(bench, 'new')}",${answer}]`, 'new');
    const charging = available.replace('Available', 'Charging');
    bench.fromStation(`[2,"s2","StatusNotification",${charging}]`);
    expect(to(bench, 'new')).toEqual([`[2,"StatusNotification",${charging}]`]);
    bench.fromBackend(`[4,"${idTo(bench, 'new')}","SecurityError","",{}]`, 'new');
    expect(to(bench, 'new')).toEqual([boot.replace('"b",', '')]);
    const told: string[] = [];
    for (const answer of [accepted, '{}', '{}']) {
      bench.fromBackend(`[3,"${idTo(bench, 'new')}",${answer}]`, 'new');
      told.push(...to(bench, 'new'));
    }
    expect(told).toEqual([`[2,"StatusNotification",${charging}]`, '[2,"Heartbeat",{}]']);
  });
});

describe('copies', () => {
  const start = '{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2023-01-01T00:00:00Z"}';

  test('a status goes to the primary and, as a copy, to the observer, whose answer goes nowhere', () => {
    const bench = synced(['registration', 'liveness', 'state'], false);
    const charging = available.replace('Available', 'Charging');
    bench.fromStation(`[2,"s2","StatusNotification",${charging}]`);
    expect(to(bench, 'old')).toEqual([`[2,"StatusNotification",${charging}]`]);
    expect(to(bench, 'new')).toEqual([`[2,"StatusNotification",${charging}]`]);
    bench.fromBackend(`[3,"${idTo(bench, 'new')}",{}]`, 'new');
    expect(bench.last.effects).toEqual([]);
    expect(bench.last.records).toMatchObject([
      { type: 'frame', outcome: 'consumed', action: 'StatusNotification' },
    ]);
  });

  test('transactions go only to one that bills nobody', () => {
    for (const nonBilling of [false, true]) {
      const bench = synced(['registration', 'transactions'], nonBilling);
      bench.fromStation(`[2,"t","StartTransaction",${start}]`);
      expect(to(bench, 'new')).toHaveLength(nonBilling ? 1 : 0);
    }
  });

  test('what it is too slow for is left out, oldest first, and counted; transactions are not', () => {
    const bench = synced(['registration', 'state', 'transactions'], true);
    const primary = (): void => void bench.fromBackend(`[3,"${idTo(bench, 'old')}",{}]`);
    bench.context.settings = { ...bench.context.settings, callsPerSecond: Infinity };
    bench.fromStation(`[2,"t","StartTransaction",${start}]`);
    primary();
    for (let count = 0; count < copiesMax + 10; count += 1) {
      bench.fromStation(`[2,"n${count}","FirmwareStatusNotification",{"status":"Idle"}]`);
      primary();
    }
    const link = bench.state.backends.find(({ backend }) => backend === 'new');
    expect(link?.lane?.length).toBe(copiesMax);
    expect(link?.skipped).toBe(10);
    bench.fromBackend(
      `[3,"${link?.slot?.sentId}",{"transactionId":7,"idTagInfo":{"status":"Accepted"}}]`,
      'new',
    );
    expect(bench.last.records.filter(({ type }) => type === 'skipped')).toMatchObject([
      { link: 'backend:new', copies: 10, reason: 'lane_full' },
    ]);
  });

  test('a transaction that its link took along is sent again on the next, as the same bytes', () => {
    const bench = synced(['registration', 'state', 'transactions'], true);
    bench.fromStation(`[2,"t","StartTransaction",${start}]`);
    const first = bench.last.effects.flatMap((effect) =>
      effect.type === 'send' && effect.link.side === 'backend' && effect.link.backend === 'new'
        ? [effect.text]
        : [],
    );
    bench.fromBackend(`[3,"${idTo(bench, 'old')}",{"transactionId":7}]`);
    bench.do({
      type: 'backend_lost',
      backend: 'new',
      epoch: bench.backendEpoch('new'),
      code: null,
      reason: 'x',
    });
    bench.pass(1_000);
    const again = [
      ...open(bench, 'new'),
      ...bench.fromBackend(`[3,"${idTo(bench, 'new')}",{}]`, 'new'),
    ].flatMap((effect) => (effect.type === 'send' && effect.link.side === 'backend' ? [effect.text] : []));
    expect(first).toHaveLength(1);
    expect(again).toContain(first[0]);
  });
});

test('that asks for the statuses while a heartbeat is out to it gets them once it has answered that', () => {
  const bench = synced(['registration', 'liveness', 'state'], false);
  for (let minute = 0; minute < 10 && to(bench, 'new').length === 0; minute += 1) {
    bench.do({ type: 'station_pong', epoch: 1 });
    for (const backend of ['old', 'new'])
      bench.do({ type: 'backend_pong', backend, epoch: bench.backendEpoch(backend) });
    bench.pass(30_000);
  }
  expect(to(bench, 'new')).toEqual(['[2,"Heartbeat",{}]']);
  const beat = idTo(bench, 'new');
  bench.fromBackend('[2,"t","TriggerMessage",{"requestedMessage":"StatusNotification"}]', 'new');
  bench.fromBackend(`[3,"${beat}",{}]`, 'new');
  expect(to(bench, 'new')).toEqual([`[2,"StatusNotification",${available}]`]);
  bench.fromBackend(`[3,"${idTo(bench, 'new')}",{}]`, 'new');
  expect(to(bench, 'new')).toEqual(['[2,"Heartbeat",{}]']);
});

const startAt = (id: string, connectorId: number): string =>
  `[2,"${id}","StartTransaction",{"connectorId":${connectorId},"idTag":"T","meterStart":1,"timestamp":"2023-01-01T00:00:00Z"}]`;
const started = (transactionId: number): string =>
  `{"transactionId":${transactionId},"idTagInfo":{"status":"Accepted"}}`;

test('that has become the primary answers what is its own, though it has yet to take copies of what is another’s', () => {
  const bench = synced(['registration', 'liveness', 'state', 'transactions'], true);
  bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
  bench.fromStation(startAt('s1', 1));
  const copied = idTo(bench, 'new');
  bench.fromBackend(`[3,"${idTo(bench, 'old')}",${started(77)}]`);
  bench.fromBackend(`[3,"${copied}",${started(5)}]`, 'new');
  const decision = {
    do: 'cut_over',
    primary: 'new',
    openTransactions: 'pin',
    keepWarmMs: 60_000,
    isForced: false,
  } as const;
  bench.do({ type: 'assignment_decided', requestId: 1, decision });
  bench.fromStation(
    '[2,"m","MeterValues",{"connectorId":1,"transactionId":77,"meterValue":[{"timestamp":"2023-01-01T00:01:00Z","sampledValue":[]}]}]',
  );
  expect(to(bench, 'new')).toHaveLength(1);
  const copy = idTo(bench, 'new');
  bench.fromBackend(`[3,"${idTo(bench, 'old')}",{}]`);
  // The copy is still out. What is its own waits for its turn, and for its own answer.
  expect(sent(bench.fromStation(startAt('s2', 2)), 'station')).toEqual([]);
  bench.fromBackend(`[3,"${copy}",{}]`, 'new');
  expect(to(bench, 'new')).toHaveLength(1);
  const told = sent(bench.fromBackend(`[3,"${idTo(bench, 'new')}",${started(6)}]`, 'new'), 'station');
  expect(told).toEqual([`[3,"s2",${started(6)}]`]);
});

test('a listener that is down fills half of what may be held in all, and Busbar still covers for the primary', () => {
  const bench = synced(['transactions'], true);
  const { routing } = bench.context;
  const whenDown = { covers: true, untilMs: Infinity, untilMessages: Infinity };
  const routes = routing.routes.map((route) => ({ ...route, assignment: { ...route.assignment, whenDown } }));
  bench.context.routing = { ...routing, routes };
  bench.do({ type: 'routing_changed' });
  bench.context.digest = (text) => hash('sha256', text).slice(0, 32);
  for (const backend of ['new', 'old']) {
    const epoch = bench.backendEpoch(backend);
    bench.do({ type: 'backend_lost', backend, epoch, code: 1006, reason: 'gone' });
  }
  bench.context.heldInAll = () => bench.context.settings.heldInAllMax / 2;
  const start = '{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2023-01-01T00:00:00Z"}';
  bench.fromStation(`[2,"t","StartTransaction",${start}]`);
  expect(sent(bench.last.effects, 'station')).toHaveLength(1);
  expect(bench.state.held.map(({ backend }) => backend)).toEqual(['old']);
});
