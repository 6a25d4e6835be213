/** What is learnt of tokens while the backend is there, and when that no longer counts. */
import { describe, expect, test } from 'vitest';
import { eventOf, Outage, result, silence, startOf } from '../../testkit/outage-bench.ts';
import { routing } from '../../testkit/station-bench.ts';
import { plainAssignment } from '../routing/table.ts';

const dayMs = 86_400_000;

/** A station whose backend accepts every token. */
function station(version: 'ocpp1.6' | 'ocpp2.0.1' = 'ocpp1.6'): Outage {
  const outage = new Outage(version);
  const covering = {
    ...plainAssignment(0, 'old'),
    whenDown: { covers: true, untilMs: Infinity, untilMessages: Infinity },
    authorizeWhenDown: 'known',
  } as const;
  outage.context.routing = routing([covering], [version]);
  outage.context.learned = (token) => {
    for (const record of outage.records.toReversed())
      if (record.type === 'learned' && record.token === token) return record.learned;
    return null;
  };
  const info = version === 'ocpp1.6' ? 'idTagInfo' : 'idTokenInfo';
  outage.answer = (call) =>
    call.action === 'Authorize' ? result({ [info]: { status: 'Accepted' } }) : outage.usual(call);
  outage.begin();
  return outage;
}

function show(outage: Outage, token: string): string {
  const is16 = outage.version === 'ocpp1.6';
  const answer = outage.say(
    'Authorize',
    is16 ? { idTag: token } : { idToken: { idToken: token, type: 'ISO14443' } },
  ) as Record<string, { status: string }>;
  return answer[is16 ? 'idTagInfo' : 'idTokenInfo']?.status ?? '';
}

/** The backend gives a command, and the station answers it. */
function command(outage: Outage, action: string, payload: object, answer: object | null): void {
  outage.fromBackend(JSON.stringify([2, `b-${action}`, action, payload]));
  if (answer === null) return;
  outage.fromStation(`[3,"${outage.state.link?.slot?.sentId}",${JSON.stringify(answer)}]`);
}

test.each([
  [29, 'Accepted'],
  [31, 'Invalid'],
])('what was said %i days ago: %s', (days, status) => {
  const outage = station();
  show(outage, 'A');
  outage.goDown();
  outage.pass(days * dayMs);
  expect(show(outage, 'A')).toBe(status);
});

describe('ClearCache of the backend', () => {
  test('that the station has accepted has what was said before forgotten, and nothing that comes after it', () => {
    const outage = station();
    show(outage, 'A');
    show(outage, 'B');
    outage.pass(1_000);
    command(outage, 'ClearCache', {}, { status: 'Accepted' });
    outage.pass(1_000);
    // The same verdict as before, and yet it is news.
    show(outage, 'B');
    outage.goDown();
    expect([show(outage, 'A'), show(outage, 'B')]).toEqual(['Invalid', 'Accepted']);
  });

  test('while Busbar’s clock was hours ahead has nothing forgotten that is said once it is right again', () => {
    const outage = station();
    command(outage, 'ClearCache', {}, { status: 'Accepted' });
    outage.context.wallMs -= 7_200_000;
    show(outage, 'A');
    outage.goDown();
    expect(show(outage, 'A')).toBe('Accepted');
  });

  test('has forgotten too what was said before while Busbar’s clock was hours ahead, until it is said again', () => {
    const outage = station();
    outage.context.wallMs += 7_200_000;
    show(outage, 'A');
    show(outage, 'B');
    outage.context.wallMs -= 7_200_000;
    command(outage, 'ClearCache', {}, { status: 'Accepted' });
    outage.pass(1_000);
    show(outage, 'B');
    outage.goDown();
    expect([show(outage, 'A'), show(outage, 'B')]).toEqual(['Invalid', 'Accepted']);
    outage.pass(7_200_000);
    expect([show(outage, 'A'), show(outage, 'B')]).toEqual(['Invalid', 'Accepted']);
  });

  test('that the station has not accepted, or an operator’s, changes nothing', () => {
    const outage = station();
    show(outage, 'A');
    outage.pass(1_000);
    command(outage, 'ClearCache', {}, { status: 'Rejected' });
    outage.do({ type: 'command_requested', requestId: 1, action: 'ClearCache', payload: '{}' });
    outage.fromStation(`[3,"${outage.state.link?.slot?.sentId}",{"status":"Accepted"}]`);
    outage.goDown();
    expect(show(outage, 'A')).toBe('Accepted');
  });
});

describe('a remote start of the backend', () => {
  const remoteStart = { idTag: 'X', connectorId: 1 };

  test.each([
    [5, 'Accepted', 'Accepted'],
    [6, 'Accepted', 'Expired'],
    [0, 'Rejected', 'Invalid'],
  ])('%i minutes ago, which the station %s, makes the driver %s', (minutes, answer, status) => {
    const outage = station();
    command(outage, 'RemoteStartTransaction', remoteStart, { status: answer });
    outage.goDown();
    outage.pass(minutes * 60_000);
    const started = outage.say('StartTransaction', { ...startOf(1, minutes), idTag: 'x' });
    expect(started).toMatchObject({ idTagInfo: { status } });
  });

  test('of 2.x too', () => {
    const outage = station('ocpp2.0.1');
    const idToken = { idToken: 'X', type: 'Central' };
    command(outage, 'RequestStartTransaction', { remoteStartId: 1, idToken }, { status: 'Accepted' });
    outage.goDown();
    expect(outage.say('TransactionEvent', { ...eventOf('t', 0, 'Started'), idToken })).toMatchObject({
      idTokenInfo: { status: 'Accepted' },
    });
  });

  test('takes nothing from what it said of the token before', () => {
    const outage = station();
    show(outage, 'X');
    command(outage, 'RemoteStartTransaction', remoteStart, { status: 'Accepted' });
    outage.goDown();
    outage.pass(dayMs);
    expect(show(outage, 'X')).toBe('Accepted');
  });
});

describe('a local list of the backend', () => {
  test('takes back what it refuses, though the station never answers, and nothing else', () => {
    const outage = station();
    for (const token of ['A', 'B', 'C']) show(outage, token);
    const list = [
      { idTag: 'a', idTagInfo: { status: 'Blocked' } },
      { idTag: 'B', idTagInfo: { status: 'Accepted' } },
      { idTag: 'C' },
      { idTag: 'never heard of', idTagInfo: { status: 'Blocked' } },
    ];
    const before = outage.records.length;
    command(
      outage,
      'SendLocalList',
      { listVersion: 1, updateType: 'Differential', localAuthorizationList: list },
      null,
    );
    expect(outage.records.slice(before).filter(({ type }) => type === 'learned')).toHaveLength(1);
    outage.goDown();
    expect(['A', 'B', 'C'].map((token) => show(outage, token))).toEqual(['Blocked', 'Accepted', 'Accepted']);
  });

  test('in 2.x too', () => {
    const outage = station('ocpp2.0.1');
    show(outage, 'A');
    const list = [{ idToken: { idToken: 'A', type: 'ISO14443' }, idTokenInfo: { status: 'NoCredit' } }];
    command(
      outage,
      'SendLocalList',
      { versionNumber: 1, updateType: 'Full', localAuthorizationList: list },
      { status: 'Accepted' },
    );
    outage.goDown();
    expect(show(outage, 'A')).toBe('NoCredit');
  });
});

test('a verdict that comes late with the answer to a held start is learnt too', () => {
  const outage = station();
  show(outage, 'T');
  outage.goDown();
  outage.start(1);
  outage.answer = (call) => (call.action === 'StartTransaction' ? silence : outage.usual(call));
  outage.comeBack();
  outage.pass(45_000);
  outage.fromBackend(`[3,"${outage.delivered[0]?.id}",{"transactionId":7,"idTagInfo":{"status":"Blocked"}}]`);
  outage.goDown();
  expect(show(outage, 'T')).toBe('Blocked');
});

function statusOf(outage: Outage, connector: number, minute: number): unknown {
  const answer = outage.say('StartTransaction', startOf(connector, minute)) as { idTagInfo: object };
  return (answer.idTagInfo as { status?: unknown }).status;
}

function charging(): Outage {
  const outage = station();
  show(outage, 'T');
  outage.goDown();
  expect(statusOf(outage, 1, 0)).toBe('Accepted');
  return outage;
}

describe('a token that charges at another connector gets no second transaction', () => {
  test('as long as that one is there', () => {
    expect(statusOf(charging(), 2, 1)).toBe('ConcurrentTx');
  });

  test('but one at the same connector, whose last transaction never ended', () => {
    expect(statusOf(charging(), 1, 1)).toBe('Accepted');
  });

  test('but one at another, where somebody else charges in the place of the one that never ended', () => {
    const outage = charging();
    outage.say('StartTransaction', { ...startOf(1, 1), idTag: 'OTHER' });
    expect(statusOf(outage, 2, 2)).toBe('Accepted');
  });

  test('and one that was refused for that does not keep the next from charging', () => {
    const outage = charging();
    expect(statusOf(outage, 2, 1)).toBe('ConcurrentTx');
    outage.stop(Number(outage.state.durable.ids.transactions[0]?.ext), 2);
    // The station sends no stop for what was refused.
    expect(statusOf(outage, 1, 3)).toBe('Accepted');
  });
});
