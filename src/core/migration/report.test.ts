import { describe, expect, test } from 'vitest';
import { noSessions } from './counts.ts';
import { createMigration, freshStation } from './create.ts';
import { noSideEffects, planDefaults, type MigrationPlan } from './plan.ts';
import { effectName } from './effect-phase.ts';
import { beginReport, finishReport, readEvidence } from './report.ts';
import type { Counts, Evidence, MigrationHead, StationProgress } from './state.ts';
import type { StationId } from '../../protocol/station-id.ts';

const plan: MigrationPlan = {
  ...planDefaults,
  name: 'n',
  from: 'old',
  to: 'new',
  waves: ['a', 'b'].map((name) => ({
    name,
    take: { by: 'group', group: name },
    limit: null,
    atMs: null,
    perMinute: null,
    soakMs: null,
  })),
  gates: [],
  approve: false,
  also: {
    ...noSideEffects,
    configuration: [
      { component: null, key: 'K', value: '1' },
      { component: 'C', key: 'V', value: '2' },
    ],
  },
};

const counts: Counts = {
  answered: 1,
  errors: 0,
  unanswered: 0,
  asked: 0,
  accepted: 0,
  drops: 0,
  watchedMs: 9,
  answers: [1],
};

function waveOf(name: string): MigrationHead['waves'][number] {
  return {
    name,
    phase: 'passed',
    reason: null,
    since: 0,
    stations: 1,
    isApproved: false,
    isWaived: false,
    paceAtMs: 0,
    soakedMs: 0,
    awayInARow: 0,
    firstMoveAt: null,
    gates: [],
    before: counts,
    after: counts,
    sessions: noSessions(),
    undelivered: 0,
  };
}

function headOf(evidence: number): MigrationHead {
  const waves = [waveOf('a'), waveOf('b')];
  return { ...createMigration('m', plan, 0).head, phase: 'done', waves, evidence, evidenceLeftOut: 2 };
}

function progressOf(station: string, given: Partial<StationProgress> = {}): StationProgress {
  return { ...freshStation(station as StationId, 0, 5), phase: 'verified', ...given };
}

function evidenceOf(number: number, given: Partial<Evidence> & Pick<Evidence, 'what'>): Evidence {
  return {
    number,
    at: number * 10,
    who: 'busbar',
    station: null,
    wave: null,
    before: null,
    after: null,
    reason: null,
    values: null,
    ...given,
  };
}

describe('a report', () => {
  test('is the same whatever the pages in which its evidence comes', () => {
    const entries = [
      evidenceOf(1, { what: 'decision', who: 'ops', after: 'start' }),
      evidenceOf(2, { what: 'migration', after: 'running' }),
      evidenceOf(3, { what: 'station', station: 'S' as StationId, wave: 'a', after: 'moved' }),
      evidenceOf(4, { what: 'wave', wave: 'a', after: 'passed' }),
      evidenceOf(5, { what: 'migration', after: 'done' }),
    ];
    const made = [1, 2, 5].map((size) => {
      const draft = beginReport();
      for (let at = 0; at < entries.length; at += size) readEvidence(draft, entries.slice(at, at + size));
      return finishReport(draft, {
        head: headOf(5),
        stations: [progressOf('S')],
        sessionsOf: () => null,
        madeAt: 99,
      });
    });
    expect(made[1]).toEqual(made[0]);
    expect(made[2]).toEqual(made[0]);
    expect(made[0]).toMatchObject({
      startedAt: 20,
      endedAt: 50,
      waves: [
        { lastMoveAt: 30, passedAt: 40 },
        { lastMoveAt: null, stations: [] },
      ],
      evidence: { count: 5, leftOut: 2, missing: 0 },
    });
  });

  test('says how much of its evidence is missing, between and at the end', () => {
    const draft = beginReport();
    readEvidence(draft, [evidenceOf(2, { what: 'order' })]);
    readEvidence(draft, [evidenceOf(5, { what: 'order' })]);
    const sources = { head: headOf(9), stations: [], sessionsOf: () => null, madeAt: 0 };
    expect(finishReport(draft, sources).evidence).toEqual({ count: 9, leftOut: 2, missing: 1 + 2 + 4 });
  });

  test('adds up the sessions of its waves, from the first move of any', () => {
    const head = headOf(0);
    const sessions = { ...noSessions(), begunAtOld: 2, endedAtOld: 5, crossed: 3 };
    const [one, other] = head.waves as [(typeof head.waves)[0], (typeof head.waves)[0]];
    head.waves = [
      { ...one, sessions: { ...sessions, since: 70 } },
      { ...other, sessions: { ...sessions, since: 40, begunAtNew: 1, endedAtNew: 2, handedOver: 1 } },
    ];
    const report = finishReport(beginReport(), { head, stations: [], sessionsOf: () => null, madeAt: 0 });
    expect(report.waves.map((wave) => wave.sessions)).toEqual(head.waves.map((wave) => wave.sessions));
    expect(report.sessions).toEqual({
      since: 40,
      begunAtOld: 4,
      begunAtNew: 1,
      endedAtOld: 10,
      endedAtNew: 2,
      crossed: 6,
      handedOver: 1,
    });
  });

  test('has an end again only once it is over again', () => {
    const draft = beginReport();
    readEvidence(draft, [
      evidenceOf(1, { what: 'migration', after: 'done' }),
      evidenceOf(2, { what: 'migration', after: 'running' }),
    ]);
    expect([draft.endedAt, draft.startedAt]).toEqual([null, 20]);
    const report = finishReport(draft, { head: headOf(2), stations: [], sessionsOf: () => null, madeAt: 0 });
    expect(report.uncounted).toEqual([{ from: 10, to: 20 }]);
  });

  test('says when a wave passed only where it has, and when a side effect failed', () => {
    const draft = beginReport();
    const effect = { what: 'effect', station: 'S' as StationId, wave: 'a', after: 'failed' } as const;
    readEvidence(draft, [
      evidenceOf(1, { what: 'wave', wave: 'a', after: 'passed' }),
      evidenceOf(2, { what: 'wave', wave: 'b', after: 'passed' }),
      evidenceOf(3, { what: 'wave', wave: 'b', after: 'rolling-back' }),
      evidenceOf(4, { ...effect, values: { effect: 'C.V' } }),
      evidenceOf(5, { ...effect, values: { effect: 'K' } }),
    ]);
    const failed = { what: 1, phase: 'failed', reason: 'read-only', before: null, isWritten: false } as const;
    const stations = [progressOf('S', { effects: [failed] })];
    const report = finishReport(draft, { head: headOf(5), stations, sessionsOf: () => null, madeAt: 0 });
    expect(report.waves.map(({ passedAt }) => passedAt)).toEqual([10, null]);
    expect(report.exceptions.map(({ at }) => at)).toEqual([40]);
  });

  test('says that a station went back only where it has not moved again since', () => {
    const draft = beginReport();
    const step = { what: 'station', station: 'S' as StationId, wave: 'a' } as const;
    readEvidence(draft, [
      evidenceOf(1, { ...step, after: 'rolled-back' }),
      evidenceOf(2, { ...step, after: 'moved' }),
      evidenceOf(3, { ...step, station: 'T' as StationId, after: 'rolled-back' }),
    ]);
    const stations = [progressOf('S', { movedAt: 20 }), progressOf('T', { movedAt: 10 })];
    const report = finishReport(draft, { head: headOf(3), stations, sessionsOf: () => null, madeAt: 0 });
    expect(report.waves[0]?.stations.map(({ wentBackAt }) => wentBackAt)).toEqual([null, 30]);
  });

  test('repeats no password in an address that a station had, or that it was told of', () => {
    const address = 'ftp://u:hunter2@files.example/';
    const effect = { what: 1, phase: 'failed', reason: `cannot read ${address}`, before: address } as const;
    const stations = [progressOf('S', { effects: [{ ...effect, isWritten: true }] })];
    const sources = { head: headOf(0), stations, sessionsOf: () => null, madeAt: 0 };
    const text = JSON.stringify(finishReport(beginReport(), sources));
    expect(text).not.toContain('hunter2');
    expect(text.match(/ftp:\/\/\*\*\*@files\.example/g)).toHaveLength(3);
  });

  test('says once who took a wave back', () => {
    const draft = beginReport();
    const undone = { what: 'wave', wave: 'a', after: 'rolling-back' } as const;
    readEvidence(draft, [
      evidenceOf(1, { ...undone, who: 'ops', reason: 'ops: a drill' }),
      evidenceOf(2, { ...undone, who: 'ops', reason: 'ops' }),
      evidenceOf(3, { ...undone, reason: 'a gate is red' }),
    ]);
    expect(draft.rollbacks.map(({ who, reason }) => [who, reason])).toEqual([
      ['ops', 'a drill'],
      ['ops', null],
      ['busbar', 'a gate is red'],
    ]);
  });

  test('names every station that is not as planned', () => {
    const stations = [
      progressOf('fine'),
      progressOf('excused', { phase: 'failed', reason: 'away' }),
      progressOf('stuck', { wave: 1, phase: 'moved', isStuck: true, reason: 'cannot go back' }),
      progressOf('unset', {
        effects: [{ what: 1, phase: 'failed', reason: 'read-only', before: null, isWritten: false }],
      }),
    ];
    const sources = { head: headOf(0), stations, sessionsOf: () => ({ from: 1, to: 2 }), madeAt: 0 };
    const report = finishReport(beginReport(), sources);
    expect(report.exceptions).toEqual([
      { at: 5, station: 'excused', wave: 'a', reason: 'away' },
      { at: 5, station: 'stuck', wave: 'b', reason: 'cannot go back' },
      { at: 5, station: 'unset', wave: 'a', reason: 'read-only' },
    ]);
    expect(report.waves[0]?.stations[0]?.sessions).toEqual({ from: 1, to: 2 });
  });
});

test('a side effect is called by what it sets', () => {
  const asked = { setting: { component: 'D', key: 'W', value: '3' } };
  const names = ['clearCache', 'localList', 'asked', 0, 1, asked] as const;
  expect(names.map((what) => effectName(plan, what))).toEqual([
    'clearCache',
    'localList',
    'asked',
    'K',
    'C.V',
    'D.W',
  ]);
});
