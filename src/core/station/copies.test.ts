/** What is held for a backend that listens in and is down, at the bound of that. */
import { hash } from 'node:crypto';
import { expect, test } from 'vitest';
import { eventOf, minuteOf, startOf } from '../../testkit/outage-bench.ts';
import { answerHeld, Bench, sentTo } from '../../testkit/station-bench.ts';
import type { OcppVersion } from '../../protocol/version.ts';

/** A station at `old`, to which `new` listens and is down. */
class Listened extends Bench {
  constructor(version: OcppVersion, heldMax: number) {
    super({ observers: [{ backend: 'new', receives: new Set(['transactions']), commands: new Set() }] });
    const { routing } = this.context;
    const backends = new Map(
      [...routing.backends].map(([name, facts]) => [name, { ...facts, nonBilling: true }]),
    );
    this.context.routing = { ...routing, backends };
    this.context.digest = (text) => hash('md5', text);
    this.context.settings = { ...this.context.settings, heldMax, callsPerSecond: Infinity };
    this.connect(1, true, version);
    this.do({ type: 'backend_opened', backend: 'new', epoch: this.backendEpoch('new') });
    this.lose();
  }

  lose(): void {
    const epoch = this.backendEpoch('new');
    this.do({ type: 'backend_lost', backend: 'new', epoch, code: 1006, reason: 'gone' });
  }

  /** The station says it, and `old` answers. */
  say(action: string, payload: object, answer = '{}'): void {
    this.fromStation(`[2,"s","${action}",${JSON.stringify(payload)}]`);
    answerHeld(this, 'old', answer);
  }

  get heldActions(): string[] {
    return this.state.held.flatMap((lane) => [...lane].map(({ message }) => message.action));
  }

  /** What `new` hears once it is back and answers everything. */
  comeBack(): string[] {
    this.context.nowMs += 60_000;
    this.context.wallMs += 60_000;
    this.do({ type: 'tick' });
    this.do({ type: 'backend_opened', backend: 'new', epoch: this.backendEpoch('new') });
    const heard: string[] = [];
    for (let turns = 0; turns < 20; turns += 1) {
      const [text] = sentTo(this.last.effects, 'new');
      if (text === undefined) break;
      heard.push(text.slice(text.indexOf(',"', 4) + 2));
      answerHeld(this, 'new', '{"transactionId":77,"idTagInfo":{"status":"Accepted"}}');
    }
    return heard;
  }
}

test('a transaction that does not fit is left out whole, and makes room for the next', () => {
  const bench = new Listened('ocpp2.0.1', 3);
  for (let seqNo = 0; seqNo < 5; seqNo += 1)
    bench.say('TransactionEvent', eventOf('A', seqNo, seqNo === 0 ? 'Started' : 'Updated'));
  bench.say('TransactionEvent', eventOf('A', 5, 'Ended'));
  expect(bench.heldActions).toEqual([]);
  bench.say('TransactionEvent', eventOf('B', 0, 'Started'));
  bench.say('TransactionEvent', eventOf('B', 1, 'Ended'));
  const heard = bench.comeBack();
  expect(heard).toHaveLength(2);
  for (const text of heard) expect(text).toContain('"transactionId":"B"');
});

test('so is one of 1.6', () => {
  const bench = new Listened('ocpp1.6', 3);
  bench.say('StartTransaction', startOf(1, 0), '{"transactionId":5,"idTagInfo":{"status":"Accepted"}}');
  for (let minute = 1; minute < 5; minute += 1)
    bench.say('MeterValues', {
      connectorId: 1,
      transactionId: 5,
      meterValue: [{ timestamp: minuteOf(minute), sampledValue: [{ value: '1' }] }],
    });
  bench.say('StopTransaction', { transactionId: 5, meterStop: 9, timestamp: minuteOf(5) });
  expect(bench.heldActions).toEqual([]);
  bench.say('StartTransaction', startOf(1, 6), '{"transactionId":6,"idTagInfo":{"status":"Accepted"}}');
  bench.say('StopTransaction', { transactionId: 6, meterStop: 9, timestamp: minuteOf(7) });
  expect(bench.comeBack()).toMatchObject([
    expect.stringContaining('StartTransaction'),
    expect.stringContaining('"transactionId":77'),
  ]);
});

test('of one whose start has left already the rest that is held is told', () => {
  const bench = new Listened('ocpp2.0.1', 3);
  bench.say('TransactionEvent', eventOf('A', 0, 'Started'));
  bench.comeBack();
  bench.lose();
  for (let seqNo = 1; seqNo < 6; seqNo += 1) bench.say('TransactionEvent', eventOf('A', seqNo, 'Updated'));
  expect(bench.heldActions).toHaveLength(3);
});
