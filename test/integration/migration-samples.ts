/**
 * A migration that is half way through, and what was done of it, for tests of what shows and asks.
 */
import { noSessions } from '../../src/core/migration/counts.ts';
import { freshStation } from '../../src/core/migration/create.ts';
import { noSideEffects, planDefaults, type MigrationPlan } from '../../src/core/migration/plan.ts';
import type { Counts, Evidence, StationPhase, StationProgress } from '../../src/core/migration/state.ts';
import type { MigrationSnapshot, Migrations, PlanPreview, WaveSnapshot } from '../../src/ports/migrations.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { ok } from '../../src/std/result.ts';
import { noMigrations } from './api-world.ts';

export const startMs = Date.parse('2026-12-01T01:00:00Z');

export const plan: MigrationPlan = {
  ...planDefaults,
  name: 'leave-old',
  from: 'old',
  to: 'new',
  waves: [
    {
      name: 'canary',
      take: { by: 'stations', patterns: ['CP-1', 'CP-7'] },
      limit: null,
      atMs: null,
      perMinute: null,
      soakMs: 600_000,
    },
    {
      name: 'pilot',
      take: { by: 'group', group: 'berlin' },
      limit: 40,
      atMs: startMs,
      perMinute: 20,
      soakMs: null,
    },
  ],
  gates: [
    {
      measure: 'calls.errorRate',
      atLeast: null,
      atMost: 0.005,
      worseThanBefore: 0.002,
      forMs: 0,
      rollback: true,
      whenNoData: 'hold',
    },
  ],
  approve: false,
  also: { ...noSideEffects, configuration: [{ component: null, key: 'HeartbeatInterval', value: '300' }] },
};

const counts = (given: Partial<Counts> = {}): Counts => ({
  answered: 0,
  errors: 0,
  unanswered: 0,
  asked: 0,
  accepted: 0,
  drops: 0,
  watchedMs: 0,
  answers: [],
  ...given,
});

const noTally: Readonly<Record<StationPhase, number>> = {
  planned: 0,
  attaching: 0,
  synced: 0,
  waiting: 0,
  moved: 0,
  verified: 0,
  failed: 0,
  'rolled-back': 0,
};

function waveOf(name: string, given: Partial<WaveSnapshot> = {}): WaveSnapshot {
  return {
    name,
    phase: 'planned',
    reason: null,
    since: startMs,
    stations: 2,
    isApproved: false,
    isWaived: false,
    paceAtMs: 0,
    soakedMs: 0,
    awayInARow: 0,
    firstMoveAt: null,
    gates: [{ state: 'no-data', value: null, before: null, reason: null, brokenMs: null }],
    before: counts(),
    after: counts(),
    sessions: noSessions(),
    undelivered: 0,
    tally: { ...noTally, planned: 2 },
    ...given,
  };
}

export function snapshotOf(id: string, given: Partial<MigrationSnapshot> = {}): MigrationSnapshot {
  return {
    id,
    plan,
    createdAt: startMs - 60_000,
    phase: 'running',
    reason: null,
    since: startMs,
    isGoingBack: false,
    completedBy: null,
    waves: [
      waveOf('canary', {
        phase: 'soaking',
        soakedMs: 61_500,
        firstMoveAt: startMs + 1_000,
        gates: [{ state: 'green', value: 0.001, before: 0.002, reason: null, brokenMs: null }],
        before: counts({ answered: 100, asked: 5, accepted: 4 }),
        after: counts({ answered: 40, errors: 1 }),
        sessions: {
          since: startMs + 1_000,
          begunAtOld: 3,
          begunAtNew: 8,
          endedAtOld: 4,
          endedAtNew: 7,
          crossed: 2,
          handedOver: 1,
        },
        undelivered: 3,
        tally: { ...noTally, verified: 1, failed: 1 },
      }),
      waveOf('pilot', { stations: 1, tally: { ...noTally, planned: 1 } }),
    ],
    problems: [],
    canaries: [
      { station: 'CP-1' as StationId, vendor: 'ABB', model: 'Terra', firmware: '1.8', standsFor: 3 },
    ],
    watchedMs: 90_000,
    ranMs: 90_000,
    evidence: evidence.length,
    evidenceLeftOut: 0,
    ...given,
  };
}

function progressOf(station: string, given: Partial<StationProgress> = {}): StationProgress {
  return { ...freshStation(station as StationId, 0, startMs), ...given };
}

export const progress: readonly StationProgress[] = [
  progressOf('CP-1', {
    phase: 'verified',
    movedAt: startMs + 1_000,
    isBootAccepted: true,
    isAnswered: true,
    effects: [{ what: 0, phase: 'done', reason: null, before: '900', isWritten: true }],
  }),
  progressOf('CP-7', { phase: 'failed', reason: 'It was away <b>for</b> an hour | and more.' }),
  progressOf('CP-9', { wave: 1 }),
];

const cp1 = 'CP-1' as StationId;

const done: readonly (Partial<Evidence> & Pick<Evidence, 'what'>)[] = [
  { what: 'decision', who: 'ops', after: 'start', reason: 'go *now*' },
  { what: 'migration', before: 'ready', after: 'running' },
  { what: 'station', station: cp1, wave: 'canary', before: 'synced', after: 'moved' },
  {
    what: 'gate',
    wave: 'canary',
    before: 'green',
    after: 'red',
    reason: '1% is more than 0.5%',
    values: { measure: 'calls.errorRate', value: 0.01 },
  },
  { what: 'wave', wave: 'canary', before: 'moving', after: 'rolling-back', reason: 'a gate is red' },
  { what: 'station', station: cp1, wave: 'canary', before: 'moved', after: 'rolled-back' },
  { what: 'station', station: cp1, wave: 'canary', before: 'rolled-back', after: 'moved' },
];

export const evidence: readonly Evidence[] = done.map((entry, at) =>
  Object.assign(
    {
      number: at + 1,
      at: startMs + at * 1_000,
      who: 'busbar',
      station: null,
      wave: null,
      before: null,
      after: null,
      reason: null,
      values: null,
    },
    entry,
  ),
);

export const preview: PlanPreview = {
  waves: [
    { name: 'canary', stations: ['CP-1', 'CP-7'] as StationId[] },
    { name: 'pilot', stations: ['CP-9'] as StationId[] },
  ],
  problems: [
    {
      where: 'waves[1].group',
      why: 'no group is called berlin',
      advice: 'define it under groups',
      stations: [],
      stationCount: 0,
      isBlocking: true,
    },
  ],
  canaries: [],
};

/** Migrations that stand still, over lists that a test may change. */
export function migrationsOf(all: MigrationSnapshot[], given: Partial<Migrations> = {}): Migrations {
  const find = (idOrName: string) =>
    all.find(({ id, plan: { name } }) => id === idOrName || name === idOrName) ?? null;
  return {
    ...noMigrations,
    preview: () => Promise.resolve(preview),
    create: (made) => {
      const snapshot = snapshotOf('m-new', { plan: made, phase: 'ready' });
      all.unshift(snapshot);
      return Promise.resolve(ok(snapshot));
    },
    replan: (id) => Promise.resolve(ok(find(id) ?? snapshotOf(id))),
    decide: () => Promise.resolve(ok({ kind: 'done', isChanged: true })),
    list: () => all,
    find,
    waveOf: (id, wave) => {
      const names = find(id)?.waves.map(({ name }) => name) ?? [];
      const place = names.includes(wave) ? names.indexOf(wave) : Number(wave) - 1;
      return place >= 0 && place < names.length ? place : null;
    },
    stations: (id, { wave, phase, after, limit }) =>
      find(id) === null
        ? null
        : progress
            .slice(progress.findIndex(({ station }) => station === after) + 1)
            .filter((one) => (wave ?? one.wave) === one.wave && (phase ?? one.phase) === one.phase)
            .slice(0, limit),
    evidence: (_id, after, limit) =>
      Promise.resolve(ok(evidence.filter(({ number }) => number > after).slice(0, limit))),
    ...given,
  };
}
