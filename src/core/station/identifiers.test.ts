/** One 1.6 transaction at two backends that call it alike, otherwise, or not at all (S2). */
import { describe, expect, test } from 'vitest';
import { Bench } from '../../testkit/station-bench.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import type { Assignment } from '../routing/table.ts';
import type { Effect } from './events.ts';

const start = (connector: number): string =>
  `{"connectorId":${connector},"idTag":"T","meterStart":0,"timestamp":"2023-01-01T00:00:0${connector}Z"}`;

/** Tells contents apart, which is all that a digest is for here. */
function hashOf(text: string): string {
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) hash = (Math.imul(hash, 31) + text.charCodeAt(at)) >>> 0;
  return hash.toString(16).padStart(8, '0').repeat(4);
}

const listeningIn: Partial<Assignment> = {
  observers: [
    {
      backend: 'new',
      receives: new Set(['transactions', 'meter', 'state']),
      commands: new Set(['RemoteStopTransaction', 'GetLog']),
    },
  ],
};

class Pair extends Bench {
  constructor(assignment = listeningIn, version: OcppVersion = 'ocpp1.6') {
    super(assignment);
    const { routing } = this.context;
    const backends = new Map(
      [...routing.backends].map(([name, facts]) => [name, { ...facts, nonBilling: true }]),
    );
    this.context.routing = { ...routing, backends };
    this.context.digest = hashOf;
    this.connect(1, true, version);
    this.do({ type: 'backend_opened', backend: 'new', epoch: this.backendEpoch('new') });
  }

  /** Texts that left for `to` ('' the station), without their ids. */
  to(to: string, effects: readonly Effect[] = this.last.effects): string[] {
    return effects.flatMap((effect) =>
      effect.type === 'send' && (effect.link.side === 'station' ? '' : effect.link.backend) === to
        ? [effect.text.replace(/^\[(\d),"[^"]*"/, '[$1')]
        : [],
    );
  }

  answer(backend: string, payload: string): void {
    const slot = this.state.backends.find((link) => link.backend === backend)?.slot;
    this.fromBackend(`[3,"${slot?.sentId}",${payload}]`, backend);
  }

  begin(connector: number, atOld: string, atNew: string | null): void {
    this.fromStation(`[2,"s${connector}","StartTransaction",${start(connector)}]`);
    this.answer('old', `{"transactionId":${atOld},"idTagInfo":{"status":"Accepted"}}`);
    if (atNew !== null) this.answer('new', `{"transactionId":${atNew},"idTagInfo":{"status":"Accepted"}}`);
  }
}

describe('a 1.6 transaction', () => {
  test('is the owner’s number to the station, and to each backend what it called it', () => {
    const pair = new Pair();
    pair.begin(1, '7', '4711');
    pair.fromStation('[2,"m","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[]}]');
    expect(pair.to('old')).toEqual(['[2,"MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[]}]']);
    expect(pair.to('new')).toEqual([
      '[2,"MeterValues",{"connectorId":1,"transactionId":4711,"meterValue":[]}]',
    ]);
  });

  test('that began before Busbar was there is not held for one that listens in: it never saw the start', () => {
    const pair = new Pair();
    pair.fromStation('[2,"m","MeterValues",{"connectorId":1,"transactionId":9,"meterValue":[]}]');
    expect(pair.to('old')).toHaveLength(1);
    expect(pair.to('new')).toEqual([]);
    expect(pair.last.records.map(({ type }) => type)).not.toContain('held');
    expect(pair.state.held).toEqual([]);
  });

  test('two that a backend numbers alike stay two to the station', () => {
    const pair = new Pair();
    pair.begin(1, '7', '1');
    pair.begin(2, '7', '1');
    const told = pair.state.durable.ids.transactions.map(({ ext }) => ext);
    expect(told[0]).toBe('7');
    expect(Number(told[1])).toBeGreaterThanOrEqual(0x4000_0000);
    pair.fromStation(
      `[2,"x","StopTransaction",{"transactionId":${told[1]},"meterStop":1,"timestamp":"2023-01-01T01:00:00Z"}]`,
    );
    expect(pair.to('old')[0]).toContain('"transactionId":7,');
    expect(pair.to('new')[0]).toContain('"transactionId":1,');
  });

  test.each(['0', '-1', '9223372036854775807'])(
    'a backend that calls it %s keeps that, and the station gets a number it can use',
    (given) => {
      const pair = new Pair();
      pair.begin(1, given, '5');
      const ext = pair.state.durable.ids.transactions[0]?.ext ?? '';
      expect(Number(ext)).toBeGreaterThanOrEqual(0x4000_0000);
      pair.fromStation(
        `[2,"x","StopTransaction",{"transactionId":${ext},"meterStop":1,"timestamp":"2023-01-01T01:00:00Z"}]`,
      );
      expect(pair.to('old')[0]).toContain(`"transactionId":${given},`);
    },
  );

  test('a backend that never named it gets nothing more of it', () => {
    const pair = new Pair();
    pair.begin(1, '7', null);
    pair.fromBackend(
      `[4,"${pair.state.backends.find(({ backend }) => backend === 'new')?.slot?.sentId}","InternalError","",{}]`,
      'new',
    );
    pair.fromStation('[2,"m","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[]}]');
    expect(pair.to('new')).toEqual([]);
    expect(pair.to('old')).toHaveLength(1);
  });

  test('meter values wait behind a start that is not answered yet', () => {
    const pair = new Pair();
    pair.begin(1, '7', null);
    pair.fromStation('[2,"m","MeterValues",{"connectorId":1,"transactionId":7,"meterValue":[]}]');
    expect(pair.to('new')).toEqual([]);
    pair.answer('new', '{"transactionId":99,"idTagInfo":{"status":"Accepted"}}');
    expect(pair.to('new')[0]).toContain('"transactionId":99');
  });

  test('is stopped by its owner under the owner’s number; another’s stop is refused', () => {
    const pair = new Pair();
    pair.begin(1, '7', '4711');
    expect(
      pair.to('', pair.fromBackend('[2,"c","RemoteStopTransaction",{"transactionId":4711}]', 'new')),
    ).toEqual([]);
    expect(pair.to('new')).toEqual(['[3,{"status":"Rejected"}]']);
    pair.fromBackend('[2,"d","RemoteStopTransaction",{"transactionId":7}]', 'old');
    expect(pair.to('')).toEqual(['[2,"RemoteStopTransaction",{"transactionId":7}]']);
  });

  test('the mapping outlives the process', () => {
    const pair = new Pair();
    pair.begin(1, '-1', '4711');
    const saved = JSON.parse(JSON.stringify(pair.state.durable)) as typeof pair.state.durable;
    const again = new Pair();
    Object.assign(again.state.durable, saved);
    const ext = saved.ids.transactions[0]?.ext;
    again.fromStation(
      `[2,"x","StopTransaction",{"transactionId":${ext},"meterStop":1,"timestamp":"2023-01-01T01:00:00Z"}]`,
    );
    expect(again.to('old')[0]).toContain('"transactionId":-1,');
    expect(again.to('new')[0]).toContain('"transactionId":4711,');
  });
});

test('requests get a number of Busbar’s own, and their reports go to the one that asked', () => {
  const pair = new Pair();
  pair.fromBackend(
    '[2,"c","GetLog",{"requestId":7,"logType":"DiagnosticsLog","log":{"remoteLocation":"x"}}]',
    'old',
  );
  const sentText = pair.to('')[0] ?? '';
  const minted = Number(/"requestId":(\d+)/.exec(sentText)?.[1]);
  expect(minted).not.toBe(7);
  pair.fromStation(`[3,"${pair.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  pair.fromStation(`[2,"l","LogStatusNotification",{"status":"Uploaded","requestId":${minted}}]`);
  expect(pair.to('old')).toEqual(['[2,"LogStatusNotification",{"status":"Uploaded","requestId":7}]']);
  expect(pair.to('new')).toEqual([]);
});

test('a listener that asked is told once, though what it is told is of a class that it listens to', () => {
  const pair = new Pair();
  pair.fromBackend(
    '[2,"c","GetLog",{"requestId":7,"logType":"DiagnosticsLog","log":{"remoteLocation":"x"}}]',
    'new',
  );
  const minted = /"requestId":(\d+)/.exec(pair.to('')[0] ?? '')?.[1] ?? '';
  pair.fromStation(`[3,"${pair.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  const words = '[2,"LogStatusNotification",{"status":"Uploading","requestId":7}]';
  pair.fromStation(`[2,"l","LogStatusNotification",{"status":"Uploading","requestId":${minted}}]`);
  expect(pair.to('new')).toEqual([words]);
  expect(pair.to('old')).toEqual([]);
  pair.answer('new', '{}');
  expect(pair.to('new')).toEqual([]);
});

test('what a listener asked for and does not take is held up to the bound, and counted beyond it', () => {
  const pair = new Pair();
  pair.context.settings = { ...pair.context.settings, heldMax: 2, callsPerSecond: Infinity };
  pair.fromBackend(
    '[2,"c","GetLog",{"requestId":7,"logType":"DiagnosticsLog","log":{"remoteLocation":"x"}}]',
    'new',
  );
  const minted = /"requestId":(\d+)/.exec(pair.to('')[0] ?? '')?.[1] ?? '';
  pair.fromStation(`[3,"${pair.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
  for (let at = 0; at < 5; at += 1) {
    pair.fromStation(`[2,"l${at}","LogStatusNotification",{"status":"Uploading","requestId":${minted}}]`);
    expect(pair.to('')).toEqual(['[3,{}]']);
  }
  expect(pair.state.held.map(({ backend, length }) => [backend, length])).toEqual([['new', 2]]);
  expect(pair.state.backends.find(({ backend }) => backend === 'new')?.skipped).toBe(3);
});

test('the end of a transaction goes once to its owner, though the owner has become a listener', () => {
  const pair = new Pair();
  pair.begin(1, '5', '5');
  const { routing } = pair.context;
  const [route] = routing.routes;
  if (route === undefined) throw new Error('there is one route');
  const listener = {
    backend: 'old',
    receives: new Set(['transactions'] as const),
    commands: new Set<string>(),
  };
  const assignment = { ...route.assignment, primary: 'new', observers: [listener] };
  pair.context.routing = { ...routing, routes: [{ ...route, assignment }] };
  pair.do({ type: 'routing_changed' });
  pair.arrive(2);
  for (const backend of ['new', 'old'])
    pair.do({ type: 'backend_opened', backend, epoch: pair.backendEpoch(backend) });
  const stop = '{"transactionId":5,"meterStop":9,"timestamp":"2023-01-01T01:00:00Z"}';
  pair.fromStation(`[2,"e","StopTransaction",${stop}]`);
  expect(pair.to('old')).toEqual([`[2,"StopTransaction",${stop}]`]);
  // The new primary was shown the start when it listened: it is shown the end, and nobody waits for it.
  expect(pair.to('new')).toEqual([`[2,"StopTransaction",${stop}]`]);
  pair.answer('old', '{}');
  expect(pair.to('old')).toEqual([]);
  expect(pair.to('')).toEqual(['[3,{}]']);
});

/** A 2.1 station that both backends know. */
function known(assignment: Partial<Assignment>): Pair {
  const pair = new Pair(assignment, 'ocpp2.1');
  const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
  pair.fromStation(
    '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"model":"M","vendorName":"V"}}]',
  );
  pair.answer('old', accepted);
  for (const payload of [accepted, '{"currentTime":"2023-11-14T22:13:20Z"}']) pair.answer('new', payload);
  return pair;
}

test.each([
  ['BatterySwap', '{"requestId":5,"eventType":"BatteryIn","idToken":{"idToken":"A","type":"Central"}}'],
  ['PullDynamicScheduleUpdate', '{"chargingProfileId":5}'],
  ['NotifyDERStartStop', '{"controlId":"D","started":true}'],
])('%s of what nobody asked for or wrote goes to the authority for it', (action, payload) => {
  const pair = known({ actions: new Map([[action, 'new']]) });
  pair.fromStation(`[2,"x","${action}",${payload}]`);
  expect(pair.to('new')).toEqual([`[2,"${action}",${payload}]`]);
  expect(pair.to('')).toEqual([]);
});

test('the tariff of a driver is the primary’s to name, whatever one that listens in answers first', () => {
  const pair = known({
    observers: [{ backend: 'new', receives: new Set(['authorisation']), commands: new Set() }],
  });
  pair.fromStation('[2,"x","Authorize",{"idToken":{"idToken":"A","type":"Central"}}]');
  const answer = '{"idTokenInfo":{"status":"Accepted"},"tariff":{"tariffId":"T","currency":"EUR"}}';
  pair.answer('new', answer);
  expect(pair.state.durable.ids.objects).toEqual([]);
  pair.answer('old', answer);
  expect(pair.to('')).toEqual([`[3,${answer}]`]);
});

describe('a station that asks for the next part of a dynamic schedule', () => {
  const profile =
    '{"id":5,"stackLevel":0,"chargingProfilePurpose":"TxDefaultProfile","chargingProfileKind":"Dynamic"}';
  const listening: Partial<Assignment> = {
    observers: [{ backend: 'new', receives: new Set(['state']), commands: new Set(['SetChargingProfile']) }],
  };

  /** The schedule is the observer's. */
  function asking(): Pair {
    const pair = known(listening);
    pair.fromBackend(`[2,"c","SetChargingProfile",{"evseId":1,"chargingProfile":${profile}}]`, 'new');
    pair.fromStation(`[3,"${pair.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    return pair;
  }

  test('is refused where it is an observer’s, which keeps no station waiting', () => {
    const pair = asking();
    pair.fromStation('[2,"x","PullDynamicScheduleUpdate",{"chargingProfileId":5}]');
    expect(pair.to('')).toEqual(['[3,{"status":"Rejected"}]']);
    expect([pair.to('old'), pair.to('new')]).toEqual([[], []]);
    expect(pair.state.held).toEqual([]);
  });

  test('is refused where it is of a backend that is there no more, and the primary never heard of it', () => {
    const pair = asking();
    const { routing } = pair.context;
    const backends = new Map([...routing.backends].filter(([name]) => name !== 'new'));
    const routes = routing.routes.map((route) => ({
      ...route,
      assignment: { ...route.assignment, observers: [] },
    }));
    pair.context.routing = { ...routing, backends, routes };
    pair.do({ type: 'routing_changed' });
    const pull = '[2,"x","PullDynamicScheduleUpdate",{"chargingProfileId":5}]';
    pair.fromStation(pull);
    expect([pair.to(''), pair.to('old')]).toEqual([['[3,{"status":"Rejected"}]'], []]);
    pair.fromStation('[2,"h","Heartbeat",{}]');
    pair.fromStation(pull);
    pair.answer('old', '{"currentTime":"2023-11-14T22:13:20Z"}');
    expect(pair.to('')).toContain('[3,{"status":"Rejected"}]');
  });
});
