import { beforeEach, expect, test } from 'vitest';
import type { AssignmentOutcome, StationEvent } from '../core/station/events.ts';
import { Bench } from '../testkit/station-bench.ts';
import type { JournalReader } from '../ports/journal.ts';
import { createAssignments } from './assignments.ts';
import type { DataPlane, Driver } from './data-plane.ts';
import { createOperatorDecisions } from './operator-decisions.ts';
import { Remembered } from './remembered.ts';

const handover = {
  do: 'cut_over',
  primary: 'new',
  openTransactions: 'handover',
  keepWarmMs: 0,
  isForced: false,
} as const;
const started =
  '[2,"e","TransactionEvent",{"eventType":"Started","seqNo":0,"transactionInfo":{"transactionId":"T"}}]';

let bench: Bench;
let isFlushed: boolean;
let decided: Extract<StationEvent, { type: 'assignment_decided' }>[];

/** A station that charges, whose other backend knows it. */
beforeEach(() => {
  isFlushed = true;
  decided = [];
  bench = new Bench({ standbys: ['new'] });
  bench.connect(1, true, 'ocpp2.0.1');
  bench.fromStation(started);
  bench.do({ type: 'backend_opened', backend: 'new', epoch: bench.backendEpoch('new') });
  for (const link of bench.state.backends) if (link.backend === 'new') link.priming.phase = 'synced';
});

function decide(frames: JournalReader['frames']) {
  const placements = createOperatorDecisions<AssignmentOutcome>();
  const driver: Driver = {
    state: bench.state,
    isIdle: false,
    arrive: () => {},
    handle: (event) => {
      if (event.type !== 'assignment_decided') return;
      decided.push(event);
      placements.settle(event.requestId, { kind: 'done', isChanged: true });
    },
    payCopies: () => {},
    applyPauses: () => {},
    onJournalFailing: () => {},
  };
  const plane = {
    drivers: new Map([[bench.state.id, driver]]),
    remembered: new Remembered(new Map(), new Map(), new Map()),
    placements,
    journal: { flush: async () => isFlushed } as Partial<DataPlane['journal']> as DataPlane['journal'],
  };
  return createAssignments(plane, () => driver, { frames }).decide(bench.state.id, handover);
}

const frame = {
  position: 1,
  at: 0,
  link: 'station',
  direction: 'in',
  kind: 'call',
  messageId: 'e',
  action: 'TransactionEvent',
  text: started,
  outcome: 'relayed',
  latencyMs: null,
} as const;

test('a handover is decided with what the journal holds of it', async () => {
  expect(await decide(async () => [{ ...frame, station: bench.state.id }])).toMatchObject({ kind: 'done' });
  expect(decided).toMatchObject([{ decision: handover, said: [started] }]);
});

test('it is read anew when the station has spoken meanwhile', async () => {
  let reads = 0;
  await decide(async () => {
    reads += 1;
    bench.context.nowMs += 10;
    if (reads < 3) bench.fromStation(started.replace('"e"', `"e${reads}"`));
    return [{ ...frame, station: bench.state.id }];
  });
  expect([reads, decided.length]).toEqual([3, 1]);
});

test('it is refused where the journal does not reach the disk, or cannot be read', async () => {
  const broken = decide(async () => {
    throw new Error('storage_unavailable');
  });
  expect(await broken).toMatchObject({ kind: 'refused', reason: 'journal_failing' });
  isFlushed = false;
  expect(await decide(async () => [])).toMatchObject({ kind: 'refused', reason: 'journal_failing' });
  expect(decided).toEqual([]);
});

test('nothing is read for a backend that does not know the station yet', async () => {
  for (const link of bench.state.backends) if (link.backend === 'new') link.priming.phase = 'priming';
  let reads = 0;
  await decide(async () => {
    reads += 1;
    return [];
  });
  expect([reads, decided.length]).toEqual([0, 1]);
});
