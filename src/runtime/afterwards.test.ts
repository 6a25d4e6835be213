import { beforeEach, describe, expect, test } from 'vitest';
import { Hands, idOf, type HandLink } from '../testkit/data-plane-bench.ts';
import { Afterwards } from './afterwards.ts';

const observer = {
  backend: 'vendor',
  receives: new Set(['state', 'security'] as const),
  commands: new Set<string>(),
};
const status = (id: string): string => `[2,"${id}","FirmwareStatusNotification",{"status":"Idle"}]`;
const alarm =
  '[2,"a","SecurityEventNotification",{"type":"TamperDetectionActivated","timestamp":"2026-11-24T02:10:00.000Z"}]';

describe('a call that others listen to', () => {
  let hands: Hands;
  let station: HandLink;
  let primary: HandLink;
  let listener: HandLink;
  const endTurn = (): void => hands.afterTurn.splice(0).forEach((run) => run());

  beforeEach(() => {
    hands = new Hands({ observers: [observer] });
    ({ station, backend: primary } = hands.connect());
    listener = hands.dialer.last.opens();
    hands.endsTurns = false;
    listener.did.length = 0;
  });

  test('leaves for the primary first, and for them after the turn', () => {
    station.says(status('1'));
    expect(primary.did).toHaveLength(1);
    expect(listener.did).toEqual([]);
    endTurn();
    expect(listener.did).toHaveLength(1);
    endTurn();
    expect(listener.did).toHaveLength(1);
  });

  test('is told to them before anything else happens to its station', () => {
    station.says(status('1'));
    primary.says(`[3,"${idOf(primary.did[0])}",{}]`);
    expect(station.did).toEqual(['[3,"1",{}]']);
    expect(listener.did).toHaveLength(1);
    endTurn();
    expect(listener.did).toHaveLength(1);
  });

  test('is held for them, where it must not be lost, before its answer is on record', () => {
    station.says(alarm);
    const kinds = (): string[] => hands.journal.records.map(({ type }) => type);
    expect(kinds()).not.toContain('held');
    primary.says(`[3,"${idOf(primary.did[0])}",{}]`);
    const held = kinds().indexOf('held');
    const answer = hands.journal.records.findIndex(
      (record) => record.type === 'frame' && record.kind === 'result',
    );
    expect([held > -1, answer > held]).toEqual([true, true]);
  });

  test('is told to them also when its link goes meanwhile', () => {
    station.says(status('1'));
    station.closes();
    endTurn();
    expect(hands.bugs).toEqual([]);
    expect(listener.did.filter((what) => what.includes('FirmwareStatus'))).toHaveLength(1);
  });

  test('of one station among many in a turn is told in its own step', () => {
    const paid: string[] = [];
    const ends: (() => void)[] = [];
    const afterwards = new Afterwards((run) => ends.push(run));
    const owing = (name: string): { payCopies(): void } => ({ payCopies: () => paid.push(name) });
    for (let count = 0; count < 8; count += 1) {
      expect(afterwards.hasRoom).toBe(true);
      afterwards.add(owing(String(count)));
    }
    expect(afterwards.hasRoom).toBe(false);
    expect([paid, ends.length]).toEqual([[], 1]);
    ends[0]?.();
    expect([paid.length, afterwards.hasRoom]).toEqual([8, true]);
  });
});
