/** What a backend is told of a transaction that it is handed, and in which order. */
import { describe, expect, test } from 'vitest';
import type { MessageClass } from '../../protocol/message-class.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { answerAs, Bench, routing, sent, sentTo } from '../../testkit/station-bench.ts';
import { plainAssignment } from '../routing/table.ts';
import { callOf } from './call-id.ts';
import type { AssignmentDecision } from './events.ts';

const accepted = '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}';
const handover: AssignmentDecision = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'handover',
  keepWarmMs: 60_000,
  isForced: false,
};

const boot16 = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';
const boot2 =
  '[2,"b","BootNotification",{"reason":"PowerUp","chargingStation":{"vendorName":"V","model":"M"}}]';

/** A station with `old`, and `new` kept ready. */
function ready(version: OcppVersion): Bench {
  const bench = new Bench();
  // Every text has one of its own.
  bench.context.digest = (text) => `${text.length}${text.replaceAll(/[^0-9]/gu, '')}`.padEnd(32, '0');
  bench.connect(1, true, version);
  bench.fromStation(version === 'ocpp1.6' ? boot16 : boot2);
  answerAs(bench, 'old', accepted);
  bench.do({ type: 'assignment_decided', requestId: 1, decision: { do: 'attach', backend: 'new' } });
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const payload of [accepted, '{}']) answerAs(bench, 'new', payload);
  return bench;
}

/** `old` takes each of them. */
function say(bench: Bench, payload: string, ...texts: readonly string[]): void {
  for (const text of texts) {
    bench.fromStation(text);
    answerAs(bench, 'old', payload);
  }
}

/** All that `new` is told after the cutover, as it answers each with this; without message ids. */
function toldTo(bench: Bench, said: readonly string[], payload: string): string[] {
  bench.do({ type: 'assignment_decided', requestId: 2, decision: handover, said });
  const told: string[] = [];
  for (let texts = sentTo(bench.last.effects, 'new'); texts.length > 0;) {
    told.push(...texts);
    texts = sentTo(answerAs(bench, 'new', payload), 'new');
  }
  return told.map((text) => text.replace(/^\[2,"[^"]*"/, '[2'));
}

const start =
  '[2,"t","StartTransaction",{"connectorId":1,"idTag":"CARD","meterStart":100,"timestamp":"2023-11-14T22:13:20Z"}]';
const values = (id: string, transactionId: number, value: number): string =>
  `[2,"${id}","MeterValues",{"connectorId":1,"transactionId":${transactionId},"meterValue":[${value}]}]`;
const event = (seqNo: number, eventType: string, more = ''): string =>
  `[2,"e${seqNo}","TransactionEvent",{"eventType":"${eventType}","seqNo":${seqNo},"transactionInfo":{"transactionId":"T"}${more}}]`;

describe('1.6', () => {
  const started = '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}';
  const others = '{"transactionId":5,"idTagInfo":{"status":"Accepted"}}';

  test('the start as it was, what was said since under its own number, each once, and of this one only', () => {
    const bench = ready('ocpp1.6');
    say(bench, started, start);
    say(bench, '{}', values('m1', 77, 1), values('m2', 77, 2));
    const said = [values('x', 70, 9), values('m1', 77, 1), values('m1b', 77, 1), values('m2', 77, 2)];
    expect(toldTo(bench, said, others)).toEqual([
      start.replace('"t",', ''),
      values('', 5, 1).replace('"",', ''),
      values('', 5, 2).replace('"",', ''),
    ]);
  });

  test('the start alone, where nothing else can be read back', () => {
    const bench = ready('ocpp1.6');
    say(bench, started, start);
    expect(toldTo(bench, [], others)).toEqual([start.replace('"t",', '')]);
  });

  test('the first and the newest, where there is more than may be held', () => {
    const bench = ready('ocpp1.6');
    bench.context.settings = { ...bench.context.settings, heldMax: 6 };
    say(bench, started, start);
    const said = [1, 2, 3, 4, 5].map((value) => values(`m${value}`, 77, value));
    const told = toldTo(bench, said, others);
    expect(told.slice(1)).toEqual([1, 4, 5].map((value) => values('', 5, value).replace('"",', '')));
  });

  test('no more of two than may be held of one', () => {
    const bench = ready('ocpp1.6');
    bench.context.settings = { ...bench.context.settings, heldMax: 12 };
    say(bench, started, start);
    say(bench, started.replace('77', '78'), start.replace('"connectorId":1', '"connectorId":2'));
    const said = [77, 78].flatMap((id) => [1, 2, 3, 4, 5].map((value) => values(`m${value}`, id, value)));
    bench.do({ type: 'assignment_decided', requestId: 2, decision: handover, said });
    expect([...(bench.state.held[0] ?? [])]).toHaveLength(8);
  });

  test('nothing, where as much is held as may be: all stays as it is', () => {
    const bench = ready('ocpp1.6');
    say(bench, started, start);
    bench.context.heldInAll = () => Infinity;
    bench.do({ type: 'assignment_decided', requestId: 2, decision: { ...handover, isForced: true } });
    expect(bench.last.effects).toMatchObject([{ outcome: { kind: 'refused', reason: 'not_synced' } }]);
    expect(bench.state.durable.ids.transactions.map(({ owner }) => owner)).toEqual(['old']);
  });

  test('while the next driver is answered by the new owner itself, and what is handed over by Busbar', () => {
    const bench = ready('ocpp1.6');
    say(bench, started, start);
    const said = [values('m1', 77, 1)];
    bench.do({ type: 'assignment_decided', requestId: 2, decision: handover, said });
    const told = (payload: string): string[] => {
      const id = bench.state.backends.find(({ backend }) => backend === 'new')?.slot?.sentId ?? '';
      return sent(bench.fromBackend(`[3,"${id}",${payload}]`, 'new'), 'station');
    };
    const next = start.replace('"t"', '"n"').replace('"connectorId":1', '"connectorId":2');
    expect(sent(bench.fromStation(next), 'station')).toEqual([]);
    expect(sent(bench.fromStation(values('m2', 77, 2)), 'station')).toEqual(['[3,"m2",{}]']);
    expect(told(others)).toEqual([]);
    expect(told(others.replace('5', '6'))).toEqual([`[3,"n",${others.replace('5', '6')}]`]);
    for (let count = 0; count < 2; count += 1) expect(told('{}')).toEqual([]);
    expect(bench.state.held).toEqual([]);
  });

  test('and behind what is said meanwhile of what was handed over', () => {
    const bench = ready('ocpp1.6');
    say(bench, started, start);
    bench.do({ type: 'assignment_decided', requestId: 2, decision: handover, said: [] });
    expect(sent(bench.fromStation(values('m1', 77, 1)), 'station')).toEqual(['[3,"m1",{}]']);
    const next = start.replace('"t"', '"n"').replace('"connectorId":1', '"connectorId":2');
    expect(sent(bench.fromStation(next), 'station')).toEqual([]);
  });

  test('of one that goes back, what the backend between had not taken', () => {
    const bench = ready('ocpp1.6');
    const whenDown = { covers: true, untilMs: Infinity, untilMessages: Infinity };
    bench.context.routing = routing([{ ...plainAssignment(0, 'old'), whenDown }], ['ocpp1.6']);
    bench.do({ type: 'routing_changed' });
    say(bench, started, start);
    say(bench, '{}', values('m1', 77, 1));
    toldTo(bench, [values('m1', 77, 1)], others);
    const epoch = bench.backendEpoch('new');
    bench.do({ type: 'backend_lost', backend: 'new', epoch, code: 1006, reason: 'gone' });
    expect(sent(bench.fromStation(values('m2', 77, 2)), 'station')).toEqual(['[3,"m2",{}]']);
    const decision = { ...handover, primary: 'old' };
    bench.do({ type: 'assignment_decided', requestId: 3, decision, said: [] });
    expect(sentTo(bench.last.effects, 'old').map((text) => text.replace(/^\[2,"[^"]*"/, '[2'))).toEqual([
      values('', 77, 2).replace('"",', ''),
    ]);
    answerAs(bench, 'old', '{}');
    expect(bench.state.held).toEqual([]);
  });

  test('once, though the station repeats itself, and the station what it was told the first time', () => {
    const bench = ready('ocpp1.6');
    const parent = '{"transactionId":77,"idTagInfo":{"status":"Accepted","parentIdTag":"P"}}';
    say(bench, parent, start);
    say(bench, '{}', values('m1', 77, 1));
    // This one `old` leaves unanswered.
    bench.fromStation(values('m2', 77, 2));
    const said = [values('m1', 77, 1), values('m2', 77, 2)];
    bench.do({ type: 'assignment_decided', requestId: 2, decision: handover, said });
    const repeat = (): void => {
      const again = [start, values('again', 77, 2)].flatMap((text) => bench.fromStation(text));
      expect(sentTo(again, 'new')).toEqual([]);
      expect(sent(again, 'station')).toEqual([`[3,"t",${parent}]`, '[3,"again",{}]']);
    };
    const told = sentTo(bench.last.effects, 'new');
    repeat();
    for (const payload of [others, '{}', '{}']) {
      const id = bench.state.backends.find(({ backend }) => backend === 'new')?.slot?.sentId ?? '';
      told.push(...sentTo(bench.fromBackend(`[3,"${id}",${payload}]`, 'new'), 'new'));
    }
    expect(told).toHaveLength(3);
    repeat();
  });
});

describe('2.x', () => {
  test('every event from the start on, each once, as the station wrote it but that it was offline', () => {
    const bench = ready('ocpp2.0.1');
    const token = ',"idToken":{"idToken":"CARD","type":"ISO14443"}';
    say(bench, '{}', event(0, 'Started', token), event(1, 'Updated'));
    const said = [event(0, 'Started', token), event(1, 'Updated'), event(1, 'Updated')];
    const told = toldTo(bench, said, '{"idTokenInfo":{"status":"Invalid"}}');
    expect(told.map((text) => JSON.parse(text) as unknown)).toMatchObject([
      [2, 'TransactionEvent', { eventType: 'Started', seqNo: 0, offline: true }],
      [2, 'TransactionEvent', { eventType: 'Updated', seqNo: 1, offline: true }],
    ]);
    // What the new one thinks of the driver stops nobody, and what comes next is its own.
    bench.fromStation(event(10, 'Updated'));
    expect(sentTo(bench.last.effects, 'new')).toHaveLength(1);
    expect(sentTo(bench.last.effects, 'old')).toEqual([]);
  });

  test('what was paid for it too, where that was held for the one before', () => {
    const bench = ready('ocpp2.1');
    bench.context.digest = (text) => `${text.length}${text.replaceAll(/[^0-9]/gu, '')}`.padEnd(32, '0');
    const whenDown = { covers: true, untilMs: Infinity, untilMessages: Infinity };
    bench.context.routing = routing([{ ...plainAssignment(0, 'old'), whenDown }], ['ocpp2.1']);
    bench.do({ type: 'routing_changed' });
    say(bench, '{}', event(0, 'Started'));
    const epoch = bench.backendEpoch('old');
    bench.do({ type: 'backend_lost', backend: 'old', epoch, code: 1006, reason: 'gone' });
    const settled =
      '[2,"s","NotifySettlement",{"transactionId":"T","pspRef":"P","status":"Settled","settlementAmount":12}]';
    bench.fromStation(event(1, 'Updated'));
    expect(sent(bench.fromStation(settled), 'station')).toEqual(['[3,"s",{}]']);
    const told = toldTo(bench, [event(0, 'Started'), event(1, 'Updated')], '{}');
    expect(told.map((text) => (JSON.parse(text) as unknown[])[1])).toEqual([
      'TransactionEvent',
      'TransactionEvent',
      'NotifySettlement',
    ]);
    expect(told[2]).toBe(settled.replace('"s",', ''));
  });
});

/** What backends have taken since the last bench was made: their names and the message ids. */
const taken = new Set<string>();

/** As `ready`, on a route that covers. */
function covered(version: OcppVersion): Bench {
  const bench = ready(version);
  taken.clear();
  const whenDown = { covers: true, untilMs: Infinity, untilMessages: Infinity };
  bench.context.routing = routing([{ ...plainAssignment(0, 'old'), whenDown }], [version]);
  bench.do({ type: 'routing_changed' });
  return bench;
}

function idIn(text = '[]'): string {
  return String((JSON.parse(text) as unknown[])[1]);
}

/** What that backend is sent from the last step on, without message ids, as it takes all of it: a start with this answer. */
function takes(bench: Bench, backend: string, answer: string): string[] {
  const told: string[] = [];
  for (let texts = sentTo(bench.last.effects, backend); texts.length > 0;) {
    told.push(...texts.map((text) => text.replace(/^\[2,"[^"]*"/, '[2')));
    taken.add(`${backend} ${idIn(texts[0])}`);
    const payload = texts.some((text) => text.includes('"StartTransaction"')) ? answer : '{}';
    texts = sentTo(answerAs(bench, backend, payload), backend);
  }
  return told;
}

function takenBy(backend: string): Set<string> {
  return new Set(
    [...taken].flatMap((one) =>
      one.startsWith(`${backend} `) ? [callOf(one.slice(backend.length + 1))] : [],
    ),
  );
}

function handTo(bench: Bench, primary: string, said: readonly string[]): void {
  const decision = { ...handover, primary };
  bench.do({ type: 'assignment_decided', requestId: 3, decision, said, taken: takenBy(primary) });
  expect(bench.last.effects).toContainEqual(
    expect.objectContaining({ outcome: { kind: 'done', isChanged: true } }),
  );
}

function lose(bench: Bench, backend: string): void {
  const epoch = bench.backendEpoch(backend);
  bench.do({ type: 'backend_lost', backend, epoch, code: 1006, reason: 'gone' });
}

const bare = (id: string, transactionId: number, value: number): string =>
  values(id, transactionId, value).replace(`"${id}",`, '');

/** `new` is shown all of it, and bills nothing. */
function heard(): Bench {
  const bench = covered('ocpp1.6');
  const receives = new Set<MessageClass>(['registration', 'liveness', 'state', 'transactions']);
  const observers = [{ backend: 'new', receives, commands: new Set<string>() }];
  const { backends, ...rest } = routing([{ ...plainAssignment(0, 'old'), observers }], ['ocpp1.6']);
  const silent = [...backends].map(([name, facts]) => [name, { ...facts, nonBilling: true }] as const);
  bench.context.routing = { ...rest, backends: new Map(silent) };
  bench.do({ type: 'routing_changed' });
  bench.fromStation(start);
  return bench;
}

/** `old` was lost, and what it was to get by then is dropped; `new` has taken all of it, and `old` is there again. */
function dropped(bench: Bench, said: readonly string[], answer: string): void {
  for (const { message } of bench.state.held.flatMap((lane) => [...lane]))
    bench.do({
      type: 'delivery_decided',
      requestId: 8,
      number: message.number,
      decision: 'drop',
    });
  handTo(bench, 'new', said);
  takes(bench, 'new', answer);
  bench.pass(60_000);
  bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
  for (let waits = 0; waits < 5; waits += 1) {
    takes(bench, 'old', accepted);
    bench.pass(1_000);
  }
}

describe('there and back', () => {
  const started = '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}';
  const others = '{"transactionId":5,"idTagInfo":{"status":"Accepted"}}';
  const stop =
    '[2,"s","StopTransaction",{"transactionId":77,"meterStop":900,"timestamp":"2023-11-14T23:13:20Z"}]';

  test('1.6: the one that gets it back is told what the one between took, once, and the rest alone', () => {
    const bench = covered('ocpp1.6');
    const said = [start, ...[1, 2, 3, 4].map((value) => values(`m${value}`, 77, value))];
    for (const text of said.slice(0, 2)) {
      bench.fromStation(text);
      takes(bench, 'old', started);
    }
    handTo(bench, 'new', said.slice(0, 2));
    expect(takes(bench, 'new', others)).toHaveLength(2);
    for (const text of said.slice(2, 4)) {
      bench.fromStation(text);
      takes(bench, 'new', others);
    }
    lose(bench, 'new');
    bench.fromStation(said[4] ?? '');
    handTo(bench, 'old', said);
    expect(takes(bench, 'old', started)).toEqual([2, 3, 4].map((value) => bare('', 77, value)));
    expect(bench.state.held).toEqual([]);
    bench.fromStation(stop);
    expect(takes(bench, 'old', started)).toEqual([stop.replace('"s",', '')]);
    expect(bench.state.held).toEqual([]);
  });

  test('2.x: the events between, by number, and none again', () => {
    const bench = covered('ocpp2.0.1');
    const said = [event(0, 'Started'), event(1, 'Updated'), event(2, 'Updated'), event(3, 'Updated')];
    for (const text of said.slice(0, 2)) {
      bench.fromStation(text);
      takes(bench, 'old', '{}');
    }
    handTo(bench, 'new', said.slice(0, 2));
    takes(bench, 'new', '{}');
    for (const text of said.slice(2)) {
      bench.fromStation(text);
      takes(bench, 'new', '{}');
    }
    handTo(bench, 'old', said);
    expect(takes(bench, 'old', '{}').map((text) => /"seqNo":(\d)/.exec(text)?.[1])).toEqual(['2', '3']);
  });

  test('2.x: what left for it and was not taken leaves again as the same bytes', () => {
    const bench = covered('ocpp2.0.1');
    const said = [event(0, 'Started'), event(1, 'Updated')];
    bench.fromStation(said[0] ?? '');
    takes(bench, 'old', '{}');
    bench.fromStation(said[1] ?? '');
    const [left = ''] = sentTo(bench.last.effects, 'old');
    bench.do({
      type: 'backend_lost',
      backend: 'old',
      epoch: bench.backendEpoch('old'),
      code: 1006,
      reason: '',
    });
    handTo(bench, 'new', said);
    takes(bench, 'new', '{}');
    bench.pass(60_000);
    bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    for (let waits = 0; waits < 5; waits += 1) {
      takes(bench, 'old', accepted);
      bench.pass(1_000);
    }
    const decision = { ...handover, primary: 'old' };
    const history = { said, taken: takenBy('old'), left: new Map([[callOf(idIn(left)), left]]) };
    bench.do({ type: 'assignment_decided', requestId: 3, decision, ...history });
    expect(sentTo(bench.last.effects, 'old')).toEqual([left]);
  });

  test('1.6: one that was down when it began gets the start before all else', () => {
    const bench = covered('ocpp1.6');
    lose(bench, 'old');
    const said = [start];
    const [answer] = sent(bench.fromStation(start), 'station');
    const number = Number(/"transactionId":(\d+)/.exec(answer ?? '')?.[1]);
    handTo(bench, 'new', said);
    takes(bench, 'new', others);
    said.push(values('m1', number, 1));
    bench.fromStation(said[1] ?? '');
    takes(bench, 'new', others);
    bench.pass(60_000);
    bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    takes(bench, 'old', accepted);
    for (let waits = 0; waits < 5; waits += 1) {
      bench.pass(1_000);
      takes(bench, 'old', accepted);
    }
    handTo(bench, 'old', said);
    expect(takes(bench, 'old', started)).toEqual([start.replace('"t",', ''), bare('', 77, 1)]);
  });

  describe('what an operator dropped for it is not told again to the one that gets it back', () => {
    test('its start: the transaction stays where it is', () => {
      const bench = covered('ocpp1.6');
      lose(bench, 'old');
      bench.fromStation(start);
      dropped(bench, [start], others);
      handTo(bench, 'old', [start]);
      expect(takes(bench, 'old', started)).toEqual([]);
      expect(bench.state.durable.ids.transactions).toMatchObject([{ owner: 'new' }]);
    });

    test('a reading: the others are', () => {
      const bench = covered('ocpp1.6');
      bench.fromStation(start);
      takes(bench, 'old', started);
      lose(bench, 'old');
      const said = [start, values('m1', 77, 1), values('m2', 77, 2)];
      bench.fromStation(said[1] ?? '');
      dropped(bench, said.slice(0, 2), others);
      bench.fromStation(said[2] ?? '');
      takes(bench, 'new', others);
      handTo(bench, 'old', said);
      expect(takes(bench, 'old', started)).toEqual([bare('', 77, 2)]);
    });
  });

  test('taken back without it, the one that had it first is told nothing more of it', () => {
    const bench = covered('ocpp1.6');
    bench.fromStation(start);
    takes(bench, 'old', started);
    handTo(bench, 'new', [start]);
    takes(bench, 'new', others);
    bench.do({ type: 'assignment_decided', requestId: 4, decision: { do: 'roll_back' } });
    for (const text of [values('m1', 77, 1), stop]) {
      bench.fromStation(text);
      expect(sentTo(bench.last.effects, 'old')).toEqual([]);
      expect(takes(bench, 'new', others)).toHaveLength(1);
    }
  });

  test('what was on its way to the one between does not leave for it again', () => {
    const bench = covered('ocpp1.6');
    bench.fromStation(start);
    takes(bench, 'old', started);
    handTo(bench, 'new', [start]);
    expect(sentTo(bench.last.effects, 'new')).toHaveLength(1);
    handTo(bench, 'old', [start]);
    bench.fromBackend(`[4,"${idIn(sentTo(bench.last.effects, 'new')[0])}","InternalError","",{}]`, 'new');
    const slot = bench.state.backends.find(({ backend }) => backend === 'new')?.slot;
    bench.fromBackend(`[4,"${slot?.sentId}","InternalError","",{}]`, 'new');
    bench.context.wallMs += 60_000;
    bench.pass(60_000);
    expect(sentTo(bench.last.effects, 'new').filter((text) => text.includes('Transaction'))).toEqual([]);
    expect(bench.state.held).toEqual([]);
  });

  test('on to a third backend: all of it, under its own number', () => {
    const bench = covered('ocpp1.6');
    bench.fromStation(start);
    takes(bench, 'old', started);
    handTo(bench, 'new', [start]);
    takes(bench, 'new', others);
    const said = [start, values('m1', 77, 1)];
    bench.fromStation(said[1] ?? '');
    takes(bench, 'new', others);
    bench.do({ type: 'assignment_decided', requestId: 1, decision: { do: 'attach', backend: 'vendor' } });
    bench.do({ type: 'backend_opened', backend: 'vendor', epoch: bench.backendEpoch('vendor') });
    for (const payload of [accepted, '{}']) answerAs(bench, 'vendor', payload);
    handTo(bench, 'vendor', said);
    expect(takes(bench, 'vendor', others.replace('5', '6'))).toEqual([
      start.replace('"t",', ''),
      bare('', 6, 1),
    ]);
  });

  describe('one that listened in', () => {
    test('and refused the start is told it, and all that it bills by', () => {
      const bench = heard();
      const refusal = `[4,"${idIn(sentTo(bench.last.effects, 'new')[0])}","InternalError","",{}]`;
      answerAs(bench, 'old', started);
      bench.fromBackend(refusal, 'new');
      const said = [start, values('m1', 77, 1)];
      bench.fromStation(said[1] ?? '');
      takes(bench, 'old', started);
      handTo(bench, 'new', said);
      expect(takes(bench, 'new', others)).toEqual([start.replace('"t",', ''), bare('', 5, 1)]);
    });

    test('is told what waited for it as what counts, and nothing again that it took or is on its way', () => {
      const bench = heard();
      const [copy] = sentTo(bench.last.effects, 'new');
      answerAs(bench, 'old', started);
      taken.add(`new ${idIn(copy)}`);
      bench.fromBackend(`[3,"${idIn(copy)}",${others}]`, 'new');
      const said = [start, values('m1', 77, 1), values('m2', 77, 2)];
      for (const text of said.slice(1)) {
        bench.fromStation(text);
        answerAs(bench, 'old', '{}');
      }
      const decision = { ...handover, isForced: true };
      bench.do({ type: 'assignment_decided', requestId: 3, decision, said, taken: takenBy('new') });
      const lane = [...(bench.state.held.find(({ backend }) => backend === 'new') ?? [])];
      expect(lane.map(({ message: { answer } }) => answer)).toEqual([null, '{}']);
    });
  });
});
