import { describe, expect, test } from 'vitest';
import type { JournalFrame } from '../core/journal/frame-view.ts';
import type { TransactionRow } from '../core/ids/ledger.ts';
import type { FrameQuery } from '../ports/journal.ts';
import type { StationId } from '../protocol/station-id.ts';
import { readHistory } from './transaction-history.ts';

const station = 'CP-1' as StationId;

/** A journal with these calls of the station, a second apart, each relayed to a backend. */
function journalOf(...calls: readonly (readonly [action: string, payload: string])[]) {
  const frames = calls.flatMap(([action, payload], at): JournalFrame[] => {
    const common = {
      at: at * 1_000,
      station,
      kind: 'call',
      messageId: 'm',
      action,
      latencyMs: null,
    } as const;
    const text = `[2,"m${at}","${action}",${payload}]`;
    return [
      { ...common, position: 2 * at + 1, link: 'station', direction: 'in', text, outcome: 'relayed' },
      { ...common, position: 2 * at + 2, link: 'backend:old', direction: 'out', text, outcome: null },
    ];
  });
  const asked: FrameQuery[] = [];
  return {
    asked,
    frames: async (query: FrameQuery) => {
      asked.push(query);
      const { action, after = Infinity, fromMs = 0, limit } = query;
      const fitting = frames.filter(
        (frame) => frame.action === action && frame.position < after && frame.at >= fromMs,
      );
      return fitting.toReversed().slice(0, limit);
    },
  };
}

function rowOf(given: Partial<TransactionRow>): TransactionRow {
  return {
    key: 'k',
    family: 'v2',
    ext: 'T',
    owner: 'old',
    connectorId: 1,
    idTag: null,
    meterStart: null,
    startedAt: null,
    ids: {},
    isConfirmed: true,
    state: 'open',
    endedAtMs: null,
    stopKey: null,
    ...given,
  };
}

const event = (transactionId: string, eventType: string): [string, string] => [
  'TransactionEvent',
  JSON.stringify({ eventType, transactionInfo: { transactionId } }),
];
const startOf = (timestamp: string): [string, string] => [
  'StartTransaction',
  JSON.stringify({ connectorId: 1, timestamp }),
];
const values: [string, string] = ['MeterValues', '{"connectorId":1,"transactionId":7}'];

function idsIn(texts: readonly string[]): unknown[] {
  return texts.map((text) => (JSON.parse(text) as unknown[])[1]);
}

describe('the history of open transactions', () => {
  test('2.x: reaches back to the start of the oldest, over as many pages as it takes', async () => {
    const updates = Array.from({ length: 1_200 }, () => event('T', 'Updated'));
    const reader = journalOf(event('T', 'Updated'), event('T', 'Started'), event('U', 'Started'), ...updates);
    const { said: texts } = await readHistory(reader, station, [rowOf({}), rowOf({ ext: 'U' })], 'new');
    expect(idsIn(texts).slice(0, 3)).toEqual(['m1', 'm2', 'm3']);
    expect(texts).toHaveLength(1_202);
    expect(reader.asked).toHaveLength(3);
  });

  test('2.x: of very many events it is the newest, and the start', async () => {
    const updates = Array.from({ length: 4_000 }, () => event('T', 'Updated'));
    const reader = journalOf(event('T', 'Started'), ...updates);
    const { said: texts } = await readHistory(reader, station, [rowOf({})], 'new');
    expect(idsIn(texts).slice(0, 2)).toEqual(['m0', 'm1001']);
    expect(texts).toHaveLength(3_001);
  });

  test('1.6: is the readings since the start', async () => {
    const idle = Array.from({ length: 100 }, (): [string, string] => values);
    const reader = journalOf(...idle, startOf('t1'), values, startOf('t0'), values);
    const row = rowOf({ family: 'v16', ext: '7', startedAt: 't1' });
    const { said: texts } = await readHistory(reader, station, [row], 'new');
    expect(idsIn(texts).slice(-2)).toEqual(['m101', 'm103']);
    // A minute before it, for a clock that was set.
    expect(texts.length).toBeLessThan(70);
  });

  test('of what began before the journal it is what there is', async () => {
    const reader = journalOf(event('T', 'Updated'));
    expect(idsIn((await readHistory(reader, station, [rowOf({})], 'new')).said)).toEqual(['m0']);
    const row = rowOf({ family: 'v16', ext: '7', startedAt: 't1' });
    expect(idsIn((await readHistory(journalOf(values), station, [row], 'new')).said)).toEqual(['m0']);
  });

  test('names what the new owner has taken of it, or refused for good, and what left for it besides, by message id', async () => {
    const calls = journalOf(event('T', 'Started'));
    const common = { at: 9, station, action: 'TransactionEvent', latencyMs: null, text: '' } as const;
    const inward = { ...common, direction: 'in', outcome: 'consumed' } as const;
    const [to, other] = ['backend:new', 'backend:old'] as const;
    const outward = { ...common, link: to, direction: 'out', kind: 'call', outcome: null } as const;
    // Newest first.
    const answers: JournalFrame[] = [
      { ...inward, position: 9, link: to, kind: 'result', messageId: `${'k'.repeat(33)}.1` },
      { ...inward, position: 8, link: to, kind: 'error', messageId: 'refused', outcome: 'relayed' },
      { ...inward, position: 7, link: other, kind: 'result', messageId: 'of another' },
      { ...inward, position: 6, link: to, kind: 'error', messageId: 'of another', outcome: 'relayed' },
      { ...outward, position: 5, messageId: 'k'.repeat(36), text: 'taken' },
      { ...outward, position: 4, messageId: 'left', text: 'left' },
    ];
    const frames = async (query: FrameQuery): Promise<JournalFrame[]> =>
      query.after === undefined ? [...answers, ...(await calls.frames(query))] : [];
    const { taken, left } = await readHistory({ frames }, station, [rowOf({})], 'new');
    expect([...taken]).toEqual(['k'.repeat(33), 'refused']);
    expect([...left]).toEqual([['left', 'left']]);
  });
});
