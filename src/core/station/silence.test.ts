/** A backend whose link stays open and that does not answer, or not in time: it is asked again by and by, and told what it missed. */
import { describe, expect, test } from 'vitest';
import { minuteOf, Outage, result, silence, startOf, type Heard } from '../../testkit/outage-bench.ts';

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
