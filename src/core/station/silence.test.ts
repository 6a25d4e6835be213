/** A backend whose link stays open and that does not answer, or not in time: it is asked again by and by, and told what it missed. */
import { describe, expect, test } from 'vitest';
import {
  minuteOf,
  Outage,
  refusal,
  result,
  silence,
  startOf,
  type Heard,
} from '../../testkit/outage-bench.ts';
import { routing } from '../../testkit/station-bench.ts';
import { plainAssignment } from '../routing/table.ts';

const authorize = { idTag: 'T' };

function statusOf(status: string): object {
  return { connectorId: 1, errorCode: 'NoError', status };
}

/** Every call is left alone from now on. */
function fallSilent(outage: Outage): void {
  outage.answer = () => silence;
}

function speakAgain(outage: Outage): void {
  outage.answer = (call) => outage.usual(call);
  outage.heard = [];
}

/** So many calls that nothing is held of are left unanswered. */
function losePatience(outage: Outage, calls = 5): void {
  for (let call = 0; call < calls; call += 1) {
    outage.say('Authorize', authorize);
    outage.pass(31_000);
  }
}

const actionsOf = (heard: readonly Heard[]): string[] => heard.map(({ action }) => action);

describe('a backend that left five calls unanswered', () => {
  test('is not asked by the station’s calls any more, which are answered at once', () => {
    const outage = new Outage();
    outage.begin();
    fallSilent(outage);
    losePatience(outage);
    outage.heard = [];
    expect(outage.say('Authorize', authorize)).toMatchObject({ idTagInfo: { status: 'Accepted' } });
    expect(outage.heard).toEqual([]);
  });

  test('is asked by a heartbeat now and then, and by the station’s calls again once it answers', () => {
    const outage = new Outage();
    outage.begin();
    fallSilent(outage);
    losePatience(outage);
    outage.heard = [];
    outage.pass(300_000);
    expect(new Set(actionsOf(outage.heard))).toEqual(new Set(['Heartbeat']));
    expect(outage.heard.length).toBeGreaterThan(2);
    expect(outage.heard.length).toBeLessThan(6);
    speakAgain(outage);
    outage.pass(61_000);
    expect(actionsOf(outage.heard)).toContain('Heartbeat');
    outage.heard = [];
    outage.say('Authorize', authorize);
    expect(actionsOf(outage.heard)).toEqual(['Authorize']);
  });

  test('hears of the statuses of the meantime when it answers again, only the newest', () => {
    const outage = new Outage();
    outage.begin();
    outage.say('StatusNotification', statusOf('Available'));
    fallSilent(outage);
    losePatience(outage);
    for (const status of ['Preparing', 'Charging', 'Faulted'])
      expect(outage.say('StatusNotification', statusOf(status))).toEqual({});
    speakAgain(outage);
    outage.pass(120_000);
    const told = outage.heard.filter(({ action }) => action === 'StatusNotification');
    expect(told.map(({ payload }) => payload['status'])).toEqual(['Faulted']);
  });

  test('gets what was held meanwhile, in order', () => {
    const outage = new Outage();
    outage.begin();
    fallSilent(outage);
    losePatience(outage);
    const number = outage.start(1);
    outage.meter(1, number, 1);
    outage.stop(number, 2);
    outage.pass(100_000);
    speakAgain(outage);
    outage.pass(200_000);
    expect(actionsOf(outage.delivered)).toEqual(['StartTransaction', 'MeterValues', 'StopTransaction']);
    expect(outage.held).toEqual([]);
  });
});

/** Every call is answered with it from now on. */
function failWith(code: string, version: 'ocpp1.6' | 'ocpp2.0.1' = 'ocpp1.6'): Outage {
  const outage = new Outage(version);
  outage.begin();
  outage.answer = () => `4|"${code}","no",{}`;
  return outage;
}

const accepted = { idTagInfo: { status: 'Accepted' } };

describe('a primary that answered five calls in a row with an error of its own', () => {
  test.each(['InternalError', 'GenericError'])('%s: is not asked by the station’s calls any more', (code) => {
    const outage = failWith(code);
    for (let call = 0; call < 5; call += 1) expect(outage.say('Authorize', authorize)).toBe(code);
    outage.heard = [];
    expect(outage.say('Authorize', authorize)).toMatchObject(accepted);
    expect(outage.say('BootNotification', { chargePointVendor: 'V', chargePointModel: 'M' })).toMatchObject({
      status: 'Accepted',
    });
    expect(outage.say('StatusNotification', statusOf('Charging'))).toEqual({});
    expect(outage.heard).toEqual([]);
    expect(outage.notices).toEqual(['backend_rejecting']);
  });

  test('with SecurityError is told the boot, and then is not asked by the station’s calls any more', () => {
    const outage = failWith('SecurityError');
    const answers = [1, 2, 3, 4, 5].map(() => outage.say('Authorize', authorize));
    expect(answers.slice(-2)).toMatchObject([accepted, accepted]);
    expect(actionsOf(outage.heard)).toContain('BootNotification');
  });

  test('is asked by a heartbeat now and then, and by the station’s calls again once it answers that', () => {
    const outage = failWith('InternalError');
    for (let call = 0; call < 5; call += 1) outage.say('Authorize', authorize);
    outage.say('StatusNotification', statusOf('Charging'));
    outage.heard = [];
    outage.pass(300_000);
    expect(new Set(actionsOf(outage.heard))).toEqual(new Set(['Heartbeat']));
    expect(outage.heard.length).toBeGreaterThan(5);
    expect(outage.heard.length).toBeLessThan(12);
    speakAgain(outage);
    outage.pass(31_000);
    // It hears what it missed.
    expect(outage.heard.filter(({ action }) => action === 'StatusNotification')).toMatchObject([
      { payload: { status: 'Charging' } },
    ]);
    outage.heard = [];
    outage.say('Authorize', authorize);
    expect(actionsOf(outage.heard)).toEqual(['Authorize']);
  });

  test('has what bills held, and parks none of it for as long as it answers nothing else', () => {
    const outage = failWith('InternalError');
    for (let call = 0; call < 5; call += 1) outage.say('Authorize', authorize);
    const number = outage.start(1);
    outage.stop(number, 2);
    outage.pass(24 * 3_600_000);
    expect(outage.held).toMatchObject([
      { delivery: { state: 'waiting', attempts: 0 } },
      { delivery: { state: 'waiting', attempts: 0 } },
    ]);
    speakAgain(outage);
    outage.pass(60_000);
    expect(actionsOf(outage.delivered)).toEqual(['StartTransaction', 'StopTransaction']);
  });

  test('has those calls answered at once that wait for it already', () => {
    const outage = new Outage();
    outage.begin();
    outage.answer = () => silence;
    for (let call = 0; call < 8; call += 1) expect(outage.say('Authorize', authorize)).toBeNull();
    outage.answer = () => refusal;
    outage.fromBackend(`[4,"${outage.heard.at(-1)?.id}","InternalError","",{}]`);
    const covered = outage.records.filter(
      (record) => record.type === 'dropped' && record.reason === 'covered',
    );
    expect(covered).toHaveLength(3);
    expect(outage.say('Authorize', authorize)).toMatchObject(accepted);
  });

  test.each([
    ['a result in between', (call: Heard) => call.action === 'Heartbeat', 'InternalError'],
    ['an error that is of the call', () => false, 'NotSupported'],
  ])('but not with %s', (_what, isWell, code) => {
    const outage = new Outage();
    outage.begin();
    outage.answer = (call) => (isWell(call) ? outage.usual(call) : `4|"${code}","no",{}`);
    for (let call = 0; call < 12; call += 1) {
      expect(outage.say('Authorize', authorize)).toBe(code);
      if (call % 3 === 2) outage.say('Heartbeat', {});
    }
  });

  test('but not where the route does not cover', () => {
    const outage = new Outage();
    outage.context.routing = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
    outage.begin();
    outage.answer = () => refusal;
    for (let call = 0; call < 12; call += 1) expect(outage.say('Authorize', authorize)).toBe('InternalError');
    expect(outage.notices).toEqual([]);
  });

  test('but not while it has the station wait for its acceptance', () => {
    const outage = new Outage('ocpp2.0.1');
    outage.answer = (call) =>
      call.action === 'BootNotification'
        ? result({ status: 'Pending', interval: 300, currentTime: minuteOf(0) })
        : '4|"SecurityError","no",{}';
    outage.begin();
    for (let call = 0; call < 12; call += 1) expect(outage.say('Heartbeat', {})).toBe('SecurityError');
  });
});

test('a backend that takes the link and answers nothing is not sent all that is held, again and again', () => {
  const outage = new Outage();
  outage.begin();
  outage.goDown();
  for (let connector = 1; connector <= 20; connector += 1) outage.start(connector);
  fallSilent(outage);
  outage.comeBack();
  outage.pass(3_600_000);
  // The few by which it was found out.
  expect(outage.delivered.length).toBeLessThan(6);
  speakAgain(outage);
  outage.pass(200_000);
  expect(outage.delivered).toHaveLength(20);
  expect(outage.held).toEqual([]);
});

/** What the station was told last. */
function lastTold({ records }: Outage): string | undefined {
  const texts = records.flatMap((each) =>
    each.type === 'sent' && each.link === 'station' ? [each.text] : [],
  );
  return texts.at(-1);
}

describe('a backend that answers too late', () => {
  test('is told the status that did not wait for it, once it answers in time', () => {
    const outage = new Outage();
    outage.begin();
    let isSlow = true;
    const late: string[] = [];
    outage.answer = (call) => {
      if (!isSlow) return outage.usual(call);
      late.push(`[3,"${call.id}",${outage.usual(call).slice(2)}]`);
      return silence;
    };
    outage.say('Authorize', authorize);
    outage.say('StatusNotification', statusOf('Charging'));
    outage.pass(9_000);
    // The first was sent and the second waited behind it: both have their answer, and the backend has not heard of the second.
    expect(actionsOf(outage.heard)).not.toContain('StatusNotification');
    outage.heard = [];
    outage.pass(3_000);
    outage.fromBackend(late[0] ?? '');
    isSlow = false;
    outage.say('Authorize', authorize);
    expect(outage.heard.filter(({ action }) => action === 'StatusNotification')).toMatchObject([
      { payload: { status: 'Charging' } },
    ]);
  });

  test('and then refuses a start does not have what waited behind it sent without it', () => {
    const outage = new Outage();
    outage.begin();
    fallSilent(outage);
    outage.say('StartTransaction', startOf(1, 0));
    const start = outage.heard.at(-1);
    outage.pass(5_000);
    const waiting = {
      connectorId: 1,
      transactionId: -1,
      meterValue: [{ timestamp: minuteOf(1), sampledValue: [] }],
    };
    expect(outage.say('MeterValues', waiting)).toBeNull();
    outage.pass(4_000);
    speakAgain(outage);
    outage.fromBackend(`[4,"${start?.id}","InternalError","",{}]`);
    expect(outage.delivered).toEqual([]);
    outage.pass(11_000);
    expect(outage.delivered.map(({ action, payload }) => [action, payload['transactionId']])).toEqual([
      ['StartTransaction', undefined],
      ['MeterValues', 101],
    ]);
    expect(outage.held).toEqual([]);
  });

  test('has the station told what it thought of its boot when that comes again, however long each takes', () => {
    const outage = new Outage();
    fallSilent(outage);
    outage.begin();
    const boot = { chargePointVendor: 'V', chargePointModel: 'M' };
    outage.pass(9_000);
    expect(lastTold(outage)).toContain('"status":"Pending"');
    const answer = result({ status: 'Accepted', interval: 300, currentTime: minuteOf(0) }).slice(2);
    outage.fromBackend(`[3,"${outage.heard.at(-1)?.id}",${answer}]`);
    outage.pass(51_000);
    outage.say('BootNotification', boot);
    outage.pass(9_000);
    expect(lastTold(outage)).toContain('"status":"Accepted"');
  });

  test('teaches nothing wrong: its late answers to what was answered for it reach nobody', () => {
    const outage = new Outage();
    outage.begin();
    fallSilent(outage);
    outage.say('Authorize', authorize);
    outage.pass(9_000);
    const [, id] = JSON.parse(outage.heard.at(-1)?.text ?? '[]') as [number, string];
    const effects = outage.fromBackend(
      `[3,"${id}",${result({ idTagInfo: { status: 'Blocked' } }).slice(2)}]`,
    );
    expect(effects.filter(({ type }) => type === 'send')).toEqual([]);
  });
});

test('a primary that refused a status while it was told what it had missed is told what it misses later', () => {
  const outage = new Outage();
  outage.begin();
  const available = { connectorId: 0, errorCode: 'NoError', status: 'Available' };
  outage.say('StatusNotification', available);
  outage.goDown();
  outage.say('StatusNotification', statusOf('Preparing'));
  outage.answer = (call) => (call.payload['connectorId'] === 0 ? refusal : outage.usual(call));
  outage.comeBack();
  outage.pass(30_000);
  // It takes too long for one call, and the status behind that is answered without it.
  outage.answer = () => silence;
  outage.say('Authorize', authorize);
  outage.say('StatusNotification', statusOf('Charging'));
  outage.pass(31_000);
  speakAgain(outage);
  outage.say('Authorize', authorize);
  const told = outage.heard.filter(({ action }) => action === 'StatusNotification');
  expect(told.map(({ payload }) => payload['status'])).toContain('Charging');
});

test('a primary that was silent before its route had Busbar answer is asked, and answers by itself again', () => {
  const outage = new Outage();
  const covering = outage.context.routing;
  outage.context.routing = routing([plainAssignment(0, 'old')], ['ocpp1.6']);
  outage.begin();
  outage.answer = () => silence;
  for (let count = 0; count < 5; count += 1) {
    outage.say('Heartbeat', {});
    outage.pass(31_000);
  }
  outage.answer = (call) => outage.usual(call);
  outage.context.routing = covering;
  outage.do({ type: 'routing_changed' });
  outage.pass(60_000);
  outage.heard = [];
  outage.say('Authorize', authorize);
  expect(outage.heard.map(({ action }) => action)).toEqual(['Authorize']);
});
