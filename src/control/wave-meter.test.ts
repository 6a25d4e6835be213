import { describe, expect, test } from 'vitest';
import type { FrameRecord, JournalRecord, LinkName } from '../core/journal/record.ts';
import type { StationId } from '../protocol/station-id.ts';
import type { JournalFeed } from '../ports/registry.ts';
import { driveMigration, type DrivenMigration } from '../testkit/driven-migration.ts';
import { createWaveMeter, type WaveMeter } from './wave-meter.ts';

interface Measured {
  readonly meter: WaveMeter;
  readonly driven: DrivenMigration;
  readonly publish: (record: JournalRecord) => void;
  readonly listeners: () => number;
}

/** CP-1 has moved, CP-2 has not. */
function measured(): Measured {
  const driven = driveMigration({ soakMs: 60_000 }, [['CP-1', 'CP-2']]);
  driven.decide({ do: 'start' });
  for (const [id, station] of driven.stations) if (id === 'CP-2') station.isConnected = false;
  driven.run(4);
  const listeners = new Set<Parameters<JournalFeed['subscribe']>[0]>();
  const meter = createWaveMeter({
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  });
  meter.follow(driven.state);
  const publish = (record: JournalRecord): void => {
    for (const listener of listeners) listener(record, 1);
  };
  return { meter, driven, publish, listeners: () => listeners.size };
}

function answer(station: string, link: LinkName, more: Partial<FrameRecord> = {}): FrameRecord {
  const { kind = 'result', action = 'Heartbeat' } = more;
  return {
    type: 'frame',
    at: 0,
    station: station as StationId,
    link,
    kind,
    action,
    text: kind === 'result' ? '[3,"1",{}]' : '[4,"1","InternalError","",{}]',
    idStart: 3,
    idEnd: 6,
    outcome: 'relayed',
    relayedTo: 'station',
    relayedIdToken: '"2"',
    latencyMs: 40,
    ...more,
  };
}

const verdict = (action: string, text: string): Partial<FrameRecord> => ({ action, text });

const boot = (text: string): FrameRecord =>
  answer('CP-2', 'backend:new', { ...verdict('BootNotification', text), outcome: 'consumed' });

describe('the meter of waves', () => {
  test('counts answers of the backend that a station is with, at the side of the move it is on', () => {
    const { meter, publish } = measured();
    publish(answer('CP-1', 'backend:new'));
    publish(answer('CP-1', 'backend:new', { kind: 'error', outcome: 'rewritten' }));
    publish(answer('CP-1', 'backend:old'));
    publish(answer('CP-2', 'backend:old'));
    publish(answer('CP-2', 'backend:new', { outcome: 'consumed' }));
    publish(answer('CP-9', 'backend:new'));
    publish(answer('CP-1', 'station'));
    const heard = meter.take('m');
    expect(heard.counted).toMatchObject([
      { wave: 0, before: { answered: 1, errors: 0 }, after: { answered: 2, errors: 1 } },
    ]);
    expect(heard.answered).toEqual(['CP-1']);
    expect(heard.counted[0]?.after.answers.reduce((sum, count) => sum + count, 0)).toBe(2);
    expect(meter.take('m').counted).toEqual([]);
  });

  test('counts what a backend thinks of drivers, in each version', () => {
    const { meter, publish } = measured();
    const texts: [string, string][] = [
      ['Authorize', '[3,"1",{"idTagInfo":{"status":"Accepted"}}]'],
      ['StartTransaction', '[3,"1",{"idTagInfo":{"status":"Blocked"},"transactionId":7}]'],
      ['TransactionEvent', '[3,"1",{"idTokenInfo":{"status":"Accepted"}}]'],
      ['TransactionEvent', '[3,"1",{}]'],
      ['DataTransfer', '[3,"1",{"idTagInfo":{"status":"Accepted"}}]'],
    ];
    for (const [action, text] of texts) publish(answer('CP-1', 'backend:new', verdict(action, text)));
    expect(meter.take('m').counted).toMatchObject([{ after: { asked: 3, accepted: 2 } }]);
  });

  test('hears what the new backend says of a boot, also one that Busbar told it of', () => {
    const { meter, publish } = measured();
    publish(boot('[3,"1",{"status":"Accepted","interval":60}]'));
    publish(boot('[3,"1",{"status":"Rejected","interval":60}]'));
    expect(meter.take('m').boots).toEqual([{ station: 'CP-2', isAccepted: false }]);
  });

  test('counts calls that got no answer, and links that ended', () => {
    const { meter, publish } = measured();
    const station = 'CP-1' as StationId;
    const link = {
      type: 'link',
      at: 0,
      station,
      change: 'closed',
      version: null,
      code: null,
      reason: null,
    } as const;
    publish({ type: 'dropped', at: 0, station, link: 'station', action: 'Heartbeat', reason: 'expired' });
    publish({ type: 'dropped', at: 0, station, link: 'backend:new', action: 'Reset', reason: 'expired' });
    publish({ ...link, link: 'station' });
    publish({ ...link, link: 'backend:new' });
    publish({ ...link, link: 'backend:old' });
    publish({ ...link, link: 'backend:new', change: 'opened' });
    expect(meter.take('m').counted).toMatchObject([{ after: { unanswered: 1, drops: 2 } }]);
  });

  test('says for which stations a delivery changed', () => {
    const { meter, publish } = measured();
    publish({
      type: 'delivery',
      at: 0,
      station: 'CP-1' as StationId,
      backend: 'new',
      number: 1,
      action: 'StopTransaction',
      outcome: 'delivered',
      delivery: null,
    });
    expect([...meter.take('m').touched]).toEqual(['CP-1']);
  });

  test('follows the journal only while there is something to count', () => {
    const { meter, publish, listeners, driven } = measured();
    expect(listeners()).toBe(1);
    meter.follow(driven.state);
    expect(listeners()).toBe(1);
    meter.forget('m');
    expect(listeners()).toBe(0);
    publish(answer('CP-1', 'backend:new'));
    expect(meter.take('m').counted).toEqual([]);
  });
});
