import { describe, expect, test } from 'vitest';
import { congestedBytes, Hands, heldStop, stationId, stop, idOf } from '../testkit/data-plane-bench.ts';
import type { Secret } from '../std/secret.ts';

const textOf = (secret: Secret | null): string | null =>
  secret === null ? null : new TextDecoder().decode(secret.reveal());

describe('answers that wait for the disk', () => {
  test('leave in order once they are on it, and before a closing that was decided after them', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.says(stop('1'));
    backend.says(`[3,"${idOf(backend.did[0])}",{}]`);
    backend.closes();
    expect(station.did).toEqual([]);
    hands.journal.commit();
    expect(station.did).toEqual(['[3,"1",{}]', 'close 1012 primary_lost']);
  });

  test('are not overtaken by a command that their backend sent after them: it may be about what they say', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    const start = '{"connectorId":1,"idTag":"T","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}';
    const answer = '{"transactionId":5,"idTagInfo":{"status":"Accepted"}}';
    station.says(`[2,"1","StartTransaction",${start}]`);
    backend.says(`[3,"${idOf(backend.did[0])}",${answer}]`);
    backend.says('[2,"c","RemoteStopTransaction",{"transactionId":5}]');
    expect(station.did).toEqual([]);
    station.says(stop('2'));
    backend.says(`[3,"${idOf(backend.did[1])}",{}]`);
    hands.journal.commit();
    expect(station.did).toEqual([
      `[3,"1",${answer}]`,
      '[2,"p1","RemoteStopTransaction",{"transactionId":5}]',
      '[3,"2",{}]',
    ]);
    backend.says('[2,"d","ClearCache",{}]');
    station.says('[3,"p1",{"status":"Accepted"}]');
    expect(station.did.at(-1)).toContain('ClearCache');
  });

  test('take the command behind them along when the journal fails, and its backend is told', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.says(stop('1'));
    backend.says(`[3,"${idOf(backend.did[0])}",{}]`);
    backend.says('[2,"c","Reset",{"type":"Soft"}]');
    hands.journal.turn(false);
    expect(station.did).toEqual(['close 1013 journal_failing']);
    hands.journal.turn(true);
    hands.journal.commit();
    station.closes(1013);
    expect(station.did).toEqual(['close 1013 journal_failing']);
    expect(hands.bugs).toEqual([]);
    expect(backend.did).toContainEqual(expect.stringMatching(/^\[4,"c"/));
  });

  test('never reach another link of the station', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.says(stop('1'));
    backend.says(`[3,"${idOf(backend.did[0])}",{}]`);
    station.closes();
    const again = hands.connect();
    hands.journal.commit();
    expect(again.station.did).toEqual([]);
    expect(station.did).toEqual([]);
  });

  test('are given up with their link when the journal fails, and are not sent when it is back', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.says(stop('1'));
    backend.says(`[3,"${idOf(backend.did[0])}",{}]`);
    hands.journal.turn(false);
    expect(station.did).toEqual(['close 1013 journal_failing']);
    expect(hands.isConnected).toBe(false);
    hands.journal.turn(true);
    hands.journal.commit();
    station.closes(1013);
    expect(station.did).toEqual(['close 1013 journal_failing']);
    const again = hands.connect();
    again.station.says(stop('2'));
    again.backend.says(`[3,"${idOf(again.backend.did[0])}",{}]`);
    hands.journal.commit();
    expect(again.station.did).toEqual(['[3,"2",{}]']);
  });

  test('a closing that waits for the disk is carried out at once when the journal fails', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    backend.closes();
    expect(station.did).toEqual([]);
    hands.journal.turn(false);
    expect(station.did).toEqual(['close 1012 primary_lost']);
  });
});

describe('a peer that does not take what it is sent', () => {
  test('nobody of that station is read until it has', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.bufferedBytes = congestedBytes + 1;
    backend.says('[2,"c","Reset",{}]');
    expect([station.isPaused, backend.isPaused]).toEqual([true, true]);
    station.drains();
    expect([station.isPaused, backend.isPaused]).toEqual([false, false]);
  });

  test('holds up nobody when it only listens in', () => {
    const observer = {
      backend: 'vendor',
      receives: new Set(['state'] as const),
      commands: new Set<string>(),
    };
    const hands = new Hands({ observers: [observer] });
    const { station, backend } = hands.connect();
    const listening = hands.dialer.last.opens();
    listening.bufferedBytes = congestedBytes + 1;
    station.says('[2,"1","FirmwareStatusNotification",{"status":"Idle"}]');
    expect(listening.did.at(-1)).toContain('FirmwareStatusNotification');
    expect([station.isPaused, backend.isPaused, listening.isPaused]).toEqual([false, false, true]);
    listening.drains();
    expect(listening.isPaused).toBe(false);
  });

  test('does not hold up the link that displaced it, nor its own closing', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.bufferedBytes = congestedBytes + 1;
    backend.says('[2,"c","Reset",{}]');
    const newer = hands.arrive();
    expect(station.did.at(-1)).toBe('close 1001 displaced');
    expect([station.isPaused, backend.isPaused, newer.link?.isPaused]).toEqual([false, false, false]);
    station.drains();
    station.closes();
    expect(newer.link?.isPaused).toBe(false);
  });

  test('does not make the other side look dead: who is not read cannot be heard', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.bufferedBytes = congestedBytes + 1;
    backend.says('[2,"c","Reset",{}]');
    for (let second = 0; second < 300; second += 1) hands.pass(1_000);
    expect(backend.did).not.toContain('terminate');
    expect(station.did).toContain('terminate');
    expect(hands.notices).toContain('station_unresponsive');
    expect(hands.notices).not.toContain('backend_unresponsive');
  });

  test('while the disk only lags, none but who has sent much lately is left unread', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    backend.says(`[3,"nobody","${'x'.repeat(20_000)}"]`);
    hands.journal.press('high');
    expect([station.isPaused, backend.isPaused]).toEqual([false, true]);
    for (let text = 0; text < 5; text += 1) station.says(`[3,"nobody","${'x'.repeat(4_000)}"]`);
    expect(station.isPaused).toBe(true);
    for (let second = 0; second < 300; second += 1) hands.pass(1_000);
    expect([...station.did, ...backend.did]).not.toContain('terminate');
    hands.journal.press('none');
    expect([station.isPaused, backend.isPaused]).toEqual([false, false]);
  });

  test('nobody is cut for what was not heard while the journal is pressed', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    hands.journal.press('severe');
    expect([station.isPaused, backend.isPaused]).toEqual([true, true]);
    for (let second = 0; second < 300; second += 1) hands.pass(1_000);
    hands.journal.press('none');
    expect([...station.did, ...backend.did]).not.toContain('terminate');
    expect(hands.isConnected).toBe(true);
  });
});

describe('an upgrade', () => {
  test('whose peer is gone when it is answered leaves nothing open', () => {
    const hands = new Hands();
    const arrival = hands.arrive();
    arrival.isGone = true;
    const backend = hands.dialer.last.opens();
    expect(hands.isConnected).toBe(false);
    hands.pass(5_000);
    expect(backend.did).toEqual(['close 1001 station_gone']);
  });

  test('whose peer leaves while its backend is dialled abandons the dial', () => {
    const hands = new Hands();
    const arrival = hands.arrive();
    arrival.onGone?.();
    expect(hands.dialer.last.isAbandoned).toBe(true);
    expect(arrival.refusedWith).toBe(null);
  });

  test('forwards the password it brought itself, and never that of an earlier connection', () => {
    const hands = new Hands();
    const { station } = hands.connect();
    station.closes();
    hands.arrive(null);
    expect(hands.dialer.dials.map(({ request }) => request.forwarded === null)).toEqual([false, true]);
  });

  test('is let in to the links that are there only with the password that they were opened with', () => {
    const hands = new Hands();
    const first = hands.connect();
    first.station.closes();
    hands.arrive('secret');
    expect(hands.dialer.dials).toHaveLength(1);
    expect(hands.isConnected).toBe(true);
    // A newer connection while the old one is open, and then one after it.
    for (const password of ['other', null, 'secret']) {
      hands.arrive(password);
      const backend = hands.dialer.last.opens();
      expect(backend.did).toEqual([]);
    }
    expect(first.backend.did).toEqual(['close 1001 station_reconnects']);
    expect(hands.dialer.dials.map(({ request }) => textOf(request.forwarded))).toEqual([
      'secret',
      'other',
      null,
      'secret',
    ]);
  });

  test('does not wait for a dial that shows the password of another', () => {
    const hands = new Hands();
    hands.arrive('secret');
    const { last } = hands.dialer;
    hands.arrive('other');
    expect(last.isAbandoned).toBe(true);
    expect(textOf(hands.dialer.last.request.forwarded)).toBe('other');
  });

  test('that waits for the old link to be probed lends its password to nobody', () => {
    const hands = new Hands({ actions: new Map([['DataTransfer', 'vendor']]) });
    hands.arrive('secret', false);
    hands.dialer.last.opens();
    hands.dialer.last.refuses();
    hands.arrive('intruder', false);
    hands.pass(600);
    const { request } = hands.dialer.last;
    expect(request.backend.name).toBe('vendor');
    expect(hands.dialer.dials).toHaveLength(3);
    expect(textOf(request.forwarded)).toBe('secret');
  });
});

describe('a drain', () => {
  test('closes who is busy to the end in time for the closing handshake', async () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    station.says('[2,"1","Heartbeat",{}]');
    const drained = hands.gateway.drain(0, 8_000);
    expect(station.did).toEqual([]);
    hands.pass(7_000);
    hands.journal.commit();
    expect(station.did).toEqual(['close 1012 shutting_down']);
    station.closes(1012);
    backend.closes(1001);
    expect(await drained).toBe(true);
  });
});

describe('a bug of ours', () => {
  test('cuts the links of its station, and the next connection gets a new machine', () => {
    const hands = new Hands();
    const { station, backend } = hands.connect();
    hands.journal.breaksAt = () => true;
    station.says('[2,"1","Heartbeat",{}]');
    expect(hands.bugs).toEqual([new Error('our own')]);
    expect([station.did, backend.did]).toEqual([['terminate'], ['terminate']]);
    station.says('[2,"2","Heartbeat",{}]');
    station.closes();
    backend.closes();
    expect(hands.bugs).toHaveLength(1);
    const again = hands.connect();
    again.station.says('[2,"3","Heartbeat",{}]');
    expect(again.backend.did).toHaveLength(1);
  });

  test('answers the upgrade that waits, and abandons its dial', () => {
    const hands = new Hands();
    const arrival = hands.arrive();
    hands.journal.breaksAt = () => true;
    const link = hands.dialer.last.opens();
    expect(arrival.refusedWith).toBe(503);
    expect(link.did).toEqual(['terminate']);
  });

  test('runs no event that came before it was known', () => {
    const hands = new Hands();
    const arrival = hands.arrive();
    arrival.isGone = true;
    // The lost upgrade is an event that waits while the step's effects are carried out; it meets the bug.
    hands.journal.breaksAt = (record) => record.type === 'link' && record.change === 'closed';
    const link = hands.dialer.last.opens();
    expect(hands.bugs).toEqual([new Error('our own')]);
    expect(link.did).toEqual(['terminate']);
    expect(hands.connect().station.did).toEqual([]);
  });
});

describe('a decision about what is held', () => {
  const key = { station: stationId, number: 5 };

  test('for a station that has not come back is made, and settled once it is on disk', async () => {
    const hands = new Hands({}, [heldStop()]);
    const { deliveries, registry } = hands.gateway;
    expect(registry.station(stationId)?.connected).toBe(false);
    expect(deliveries.heldByBackend()).toEqual(
      new Map([['old', { held: 1, parked: 0, billingAtRisk: 1, bytes: stop('1').length }]]),
    );
    let settled: unknown = null;
    const deciding = deliveries.decide(key, 'drop').then((made) => (settled = made));
    await Promise.resolve();
    expect([deliveries.find(key), settled]).toEqual([null, null]);
    expect(hands.journal.records[0]).toMatchObject({ type: 'delivery', number: 5, outcome: 'dropped' });
    hands.journal.commit();
    await deciding;
    expect(settled).toMatchObject({ kind: 'done', before: { number: 5, state: 'held' }, after: null });
    expect(await deliveries.decide(key, 'drop')).toMatchObject({ kind: 'refused', reason: 'unknown' });
  });

  test('changes nothing while the journal fails', async () => {
    const hands = new Hands({}, [heldStop()]);
    hands.journal.turn(false);
    const made = await hands.gateway.deliveries.decide(key, 'drop');
    expect(made).toMatchObject({ kind: 'refused', reason: 'journal_failing' });
    expect(hands.gateway.deliveries.find(key)).not.toBeNull();
  });

  test('finds a station whose driver exists, and shows what is held for it', async () => {
    const hands = new Hands({}, [heldStop()]);
    hands.connect();
    expect(hands.gateway.registry.station(stationId)?.backends).toMatchObject([
      { backend: 'old', link: 'open', held: 1, parked: 0 },
    ]);
    // It left when the link opened.
    expect(await hands.gateway.deliveries.decide(key, 'retry')).toMatchObject({ reason: 'on_its_way' });
  });
});
