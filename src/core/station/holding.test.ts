/** How much is held, and that what stands behind a backlog is never answered without being in it. */
import { describe, expect, test } from 'vitest';
import { eventOf, minuteOf, Outage, refusal, type Heard } from '../../testkit/outage-bench.ts';
import { routing, sent, sentTo } from '../../testkit/station-bench.ts';
import { isKept, KeptChanges } from '../journal/kept-changes.ts';
import { disconnects, plainAssignment } from '../routing/table.ts';
import type { DeliveryDecision, Effect } from './events.ts';
import { createStation, durableStation } from './state.ts';

/** A station that is told what happens at the bound of its backlog. */
class Bounded extends Outage {
  constructor(heldMax: number) {
    super();
    this.context.settings = { ...this.context.settings, heldMax };
    this.begin();
  }

  get isConnected(): boolean {
    return this.state.link !== null;
  }

  /** The route no longer has Busbar answer for its primary. */
  route(covers: boolean): void {
    const { context } = this;
    const whenDown = { covers, untilMs: Infinity, untilMessages: Infinity };
    const routes = context.routing.routes.map((one) => ({
      ...one,
      assignment: { ...one.assignment, whenDown },
    }));
    context.routing = { ...context.routing, routes };
    this.do({ type: 'routing_changed' });
  }

  /** Nothing that is held leaves until `go`. */
  wait(): () => void {
    this.context.deliveryWaitMs = () => 1_000;
    return () => {
      this.context.deliveryWaitMs = () => 0;
    };
  }
}

function closes(effects: readonly Effect[]): number[] {
  return effects.flatMap((effect) =>
    effect.type === 'close' && effect.link.side === 'station' ? [effect.code] : [],
  );
}

const story = (heard: readonly Heard[]): string[] =>
  heard.map(({ action, payload }) => `${action} ${JSON.stringify(payload['transactionId'] ?? null)}`);

describe('at the bound of what is held', () => {
  test('the station is not answered but closed, while the backend is down', () => {
    const outage = new Bounded(2);
    outage.goDown();
    const number = outage.start(1);
    outage.meter(1, number, 1);
    expect(outage.isConnected).toBe(true);
    outage.stop(number, 2);
    expect(outage.held).toHaveLength(2);
    expect(closes(outage.last.effects)).toEqual([1012]);
    expect(outage.isConnected).toBe(false);
  });

  test('nor while the backend is back and has not got it all: no message goes past those before it', () => {
    const outage = new Bounded(2);
    outage.goDown();
    const number = outage.start(1);
    const go = outage.wait();
    outage.comeBack();
    outage.meter(1, number, 1);
    expect(outage.held).toHaveLength(2);
    expect(outage.say('StopTransaction', { transactionId: number, meterStop: 1, timestamp: 'x' })).toBeNull();
    expect(outage.isConnected).toBe(false);
    expect(outage.delivered).toEqual([]);
    // The station comes again with what it kept.
    go();
    outage.arrive(2, true);
    outage.pass(5_000);
    expect(outage.say('StopTransaction', { transactionId: number, meterStop: 1, timestamp: 'x' })).toEqual(
      {},
    );
    expect(story(outage.delivered)).toEqual([
      'StartTransaction null',
      'MeterValues 101',
      'StopTransaction 101',
    ]);
  });
});

describe('when the route has Busbar answer no more while there is a backlog', () => {
  test('what stands behind it is held all the same, and delivered after it', () => {
    const outage = new Bounded(100);
    outage.goDown();
    const number = outage.start(1);
    const go = outage.wait();
    outage.comeBack();
    outage.route(false);
    expect(outage.isConnected).toBe(true);
    outage.stop(number, 2);
    expect(outage.held).toHaveLength(2);
    go();
    outage.pass(5_000);
    expect(story(outage.delivered)).toEqual(['StartTransaction null', 'StopTransaction 101']);
    expect(outage.held).toEqual([]);
  });

  test('also behind a start that is given up: the station is not kept from ending it', () => {
    const outage = new Bounded(100);
    outage.goDown();
    const number = outage.start(1);
    outage.answer = (call) => (call.action === 'StartTransaction' ? refusal : outage.usual(call));
    outage.comeBack();
    outage.pass(400_000);
    outage.route(false);
    expect(outage.say('StopTransaction', { transactionId: number, meterStop: 1, timestamp: 'x' })).toEqual(
      {},
    );
    expect(outage.held.map(({ delivery, message }) => [message.action, delivery.state])).toEqual([
      ['StartTransaction', 'parked'],
      ['StopTransaction', 'waiting'],
    ]);
    expect(story(outage.delivered).filter((one) => one.startsWith('Stop'))).toEqual([]);
  });
});

test('a message that cannot be kept is not answered', () => {
  const outage = new Bounded(100);
  outage.goDown();
  outage.context.isJournalWritable = false;
  expect(outage.say('StopTransaction', { transactionId: 7, meterStop: 1, timestamp: 'x' })).toBeNull();
  expect(outage.isConnected).toBe(false);
  expect(outage.held).toEqual([]);
});

describe('however much room there is in messages', () => {
  test('no more is held than fits in characters, of one station and of all', () => {
    for (const bound of ['one', 'all'] as const) {
      const outage = new Bounded(100);
      if (bound === 'one') outage.context.settings = { ...outage.context.settings, heldCharactersMax: 10 };
      outage.goDown();
      outage.start(1);
      if (bound === 'all') outage.context.heldInAll = () => Infinity;
      expect(outage.held).toHaveLength(1);
      expect(outage.isConnected).toBe(true);
      expect(
        outage.say('StartTransaction', { connectorId: 2, idTag: 'U', meterStart: 0, timestamp: 'x' }),
      ).toBeNull();
      expect(outage.isConnected).toBe(false);
    }
  });
});

test('a parked message that its station repeats stays parked, for the next process too', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.start(1);
  outage.answer = (call) => (call.action === 'StartTransaction' ? refusal : outage.usual(call));
  outage.comeBack();
  outage.pass(3_600_000);
  expect(outage.held).toMatchObject([{ delivery: { state: 'parked' } }]);
  // Its answer was lost on the way.
  outage.start(1);
  const kept = new KeptChanges();
  for (const record of outage.records) if (isKept(record)) kept.add(record);
  expect(kept.list().map((change) => change.do)).toEqual(['hold', 'mark']);
  expect(kept.list()[1]).toMatchObject({ delivery: JSON.stringify(outage.held[0]?.delivery) });
});

test('a report that is held for a backend which no link was dialled to yet says its own number', () => {
  const before = new Outage('ocpp2.0.1');
  before.begin();
  before.fromBackend('[2,"q","GetBaseReport",{"requestId":5,"reportBase":"FullInventory"}]');
  const [, minted] = /"requestId":(\d+)/.exec(sent(before.last.effects, 'station')[0] ?? '') ?? [];
  expect(Number(minted)).toBeGreaterThan(5);
  const after = new Outage('ocpp2.0.1');
  const [route] = after.context.routing.routes;
  after.context.routing = routing(
    [{ ...plainAssignment(0, 'new'), whenDown: route?.assignment.whenDown ?? disconnects }],
    ['ocpp2.0.1'],
  );
  const saved = durableStation(JSON.parse(JSON.stringify(before.state.durable)) as object);
  Object.assign(after.state, createStation(after.state.id, saved, 'q'));
  after.arrive(1, true, ['ocpp2.0.1']);
  const report = { requestId: Number(minted), generatedAt: minuteOf(1), seqNo: 0, reportData: [] };
  expect(after.say('NotifyReport', report)).toEqual({});
  after.pass(1_000);
  expect(after.heard.filter(({ action }) => action === 'NotifyReport').map(({ payload }) => payload)).toEqual(
    [{ ...report, requestId: 5 }],
  );
});

/** A transaction that ended while the backend was down, and of which it has heard nothing since. */
function drained(): Outage {
  const outage = new Outage('ocpp2.0.1');
  outage.begin();
  outage.say('TransactionEvent', eventOf('t', 0, 'Started'));
  outage.say('TransactionEvent', eventOf('other', 0, 'Started'));
  outage.goDown();
  outage.say('TransactionEvent', eventOf('t', 1, 'Ended'));
  outage.context.deliveryWaitMs = () => 1_000;
  outage.comeBack();
  return outage;
}

function ask(outage: Outage, question: object, answer: string): unknown {
  outage.fromBackend(JSON.stringify([2, 'q', 'GetTransactionStatus', question]));
  const effects = outage.fromStation(`[3,"${outage.state.link?.slot?.sentId}",${answer}]`);
  return sentTo(effects, 'old').find((text) => text.startsWith('[3,"q"'));
}

describe('GetTransactionStatus of a backend that is back (H28)', () => {
  const empty = '{ "ongoingIndicator":false,"messagesInQueue" : false}';

  test.each([
    ['one of which something is held', { transactionId: 't' }, 'true'],
    ['one of which nothing is', { transactionId: 'other' }, 'false'],
    ['any', {}, 'true'],
  ])('about %s', (_what, question, isQueued) => {
    const outage = drained();
    const answer = `[3,"q",{ "ongoingIndicator":false,"messagesInQueue" : ${isQueued}}]`;
    expect(ask(outage, question, empty)).toBe(answer);
    outage.context.deliveryWaitMs = () => 0;
    outage.pass(60_000);
    expect(ask(outage, question, empty)).toBe(`[3,"q",${empty}]`);
  });

  test('where the station leaves it out', () => {
    expect(ask(drained(), {}, '{}')).toBe('[3,"q",{"messagesInQueue":true}]');
  });
});

test('a backend that refuses what is only said of a transaction gets the rest of it, and later ones go to it at once', () => {
  const outage = new Outage('ocpp2.1');
  outage.begin();
  outage.goDown();
  outage.say('TransactionEvent', eventOf('T1', 0, 'Started'));
  outage.say('NotifyPriorityCharging', { transactionId: 'T1', activated: true });
  outage.say('TransactionEvent', eventOf('T1', 1, 'Updated'));
  outage.answer = (call) =>
    call.action === 'NotifyPriorityCharging' ? '4|"NotSupported","no",{}' : outage.usual(call);
  outage.comeBack();
  outage.pass(60_000);
  const events = outage.heard.filter(({ action }) => action === 'TransactionEvent');
  expect(events.map(({ payload }) => payload['eventType'])).toEqual(['Started', 'Updated']);
  const lane = outage.state.held[0];
  expect(lane?.depth(Infinity)).toMatchObject({ parked: 1, atRisk: 0 });
  outage.heard = [];
  outage.say('TransactionEvent', eventOf('T1', 2, 'Ended'));
  expect(outage.heard[0]?.payload).toMatchObject({ eventType: 'Ended' });
  expect(outage.heard[0]?.payload).not.toHaveProperty('offline');
});

test('what a backend answers with an empty array, as PHP writes an empty object, is delivered', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.stop(outage.start(1), 9);
  outage.answer = (call) => (call.action === 'StopTransaction' ? '3|[]' : outage.usual(call));
  outage.comeBack();
  outage.pass(60_000);
  expect(outage.held).toEqual([]);
  expect(outage.heard.filter(({ action }) => action === 'StopTransaction')).toHaveLength(1);
});

/** What became of a transaction whose start the backend answers so. */
function startAnswered(payload: object): Outage {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  outage.stop(outage.start(1), 9);
  outage.answer = (call) =>
    call.action === 'StartTransaction' ? `3|${JSON.stringify(payload)}` : outage.usual(call);
  outage.comeBack();
  outage.pass(60_000);
  return outage;
}

const accepted = { idTagInfo: { status: 'Accepted' } };

function countOf(outage: Outage, said: string): number {
  return outage.heard.filter(({ action }) => action === said).length;
}

/** An operator decides about the first message that is held. */
function decideFirst(outage: Outage, decision: DeliveryDecision): void {
  const number = outage.held[0]?.message.number ?? 0;
  outage.do({ type: 'delivery_decided', requestId: 7, number, decision });
  outage.pass(60_000);
}

describe('a start that its backend answers without a number', () => {
  test.each([{}, accepted, { ...accepted, transactionId: null }, { ...accepted, transactionId: 12.5 }])(
    'as %j is tried once more and parked with all that follows',
    (payload) => {
      const outage = startAnswered(payload);
      expect(
        outage.held.map(({ delivery: { state, attempts, lastError } }) => [state, attempts, lastError]),
      ).toEqual([
        ['parked', 2, 'the answer has no transactionId'],
        ['waiting', 0, null],
      ]);
      expect([countOf(outage, 'StartTransaction'), countOf(outage, 'StopTransaction')]).toEqual([2, 0]);
    },
  );

  test('is delivered with its number once it gets one', () => {
    const outage = startAnswered(accepted);
    outage.answer = (call) => outage.usual(call);
    decideFirst(outage, 'retry');
    expect(outage.held).toEqual([]);
    expect(countOf(outage, 'StopTransaction')).toBe(1);
  });

  test('has what follows parked where it is dropped: the backend knows no such transaction', () => {
    const outage = startAnswered(accepted);
    decideFirst(outage, 'drop');
    expect(countOf(outage, 'StopTransaction')).toBe(0);
    expect(outage.held).toMatchObject([
      {
        message: { action: 'StopTransaction' },
        delivery: { state: 'parked', lastError: 'it is about what this backend was never told of' },
      },
    ]);
  });

  test.each([
    { idTagInfo: { status: 'Invalid' } },
    { ...accepted, transactionId: '7' },
    { ...accepted, transactionId: -1 },
  ])('but %j, as where the driver is refused or the number is odd, is delivered', (payload) => {
    const outage = startAnswered(payload);
    expect(outage.held).toEqual([]);
    expect([countOf(outage, 'StartTransaction'), countOf(outage, 'StopTransaction')]).toEqual([1, 1]);
  });
});
