/**
 * The shapes of the API about migrations. A plan goes in and out as people write it; its shape is control/migration-plan/plan-schema.ts.
 *
 * Pure. Shares are fractions of 1; `figure` says the same as people read it.
 */
import Type, { type Static } from 'typebox';
import { migrationPhases } from '../core/migration/phase.ts';
import { planSchema } from '../control/migration-plan/plan-schema.ts';
import { plainSchema } from '../control/configuration/json-schema.ts';
import { cursor, limit, nullable, oneOf, pageOf, duration, reason } from './schemas.ts';

const time = (description: string) => Type.String({ format: 'date-time', description });
const closed = { additionalProperties: false } as const;

/** The plan, as JSON Schema without words of ours. */
const plan = Type.Unsafe<Static<typeof planSchema>>(plainSchema(planSchema));

export const planBody = {
  ...plainSchema(planSchema),
  description:
    'The plan, as in its YAML file, and a `reason`, which the audit keeps. Everything that is wrong with it is told at once: 422 `invalid-plan`.',
  properties: { ...plainSchema(planSchema).properties, reason },
};

const waveStates = [
  'planned',
  'attaching',
  'moving',
  'soaking',
  'passed',
  'rolling-back',
  'rolled-back',
] as const;
const stationStates = [
  'planned',
  'attaching',
  'synced',
  'waiting',
  'moved',
  'verified',
  'failed',
  'rolled-back',
] as const;

const problem = Type.Object(
  {
    where: Type.String({ description: 'In the plan, such as `waves[1].group`.' }),
    why: Type.String(),
    advice: Type.String({ description: 'What to do about it.' }),
    stations: Type.Array(Type.String(), { description: 'Those it is about; the first 20.' }),
    stationCount: Type.Integer({ minimum: 0 }),
    blocking: Type.Boolean({ description: 'false: it may start all the same.' }),
  },
  closed,
);
export type PlanProblemShown = Static<typeof problem>;

const canary = Type.Object(
  {
    station: Type.String(),
    vendor: nullable(Type.String()),
    model: nullable(Type.String()),
    firmware: nullable(Type.String()),
    standsFor: Type.Integer({
      minimum: 1,
      description: 'How many stations of the plan are like it, itself included.',
    }),
  },
  closed,
);

const figure = nullable(Type.String({ description: 'As people read it: `99.5%`, `500ms`.' }));

const gate = Type.Object(
  {
    measure: Type.String(),
    state: oneOf(['no-data', 'green', 'red']),
    value: nullable(Type.Number({ description: 'As measured last; null: there was nothing to measure.' })),
    figure,
    before: nullable(Type.Number({ description: 'The same at the old backend.' })),
    figureBefore: figure,
    reason: nullable(Type.String()),
    brokenMs: nullable(Type.Number({ description: 'How long a limit has not held by now; null: all hold.' })),
  },
  closed,
);

const sessionCount = (description: string): ReturnType<typeof Type.Integer> =>
  Type.Integer({ minimum: 0, description });

const sessions = Type.Object(
  {
    since: nullable(time('When the first station moved, also before the wave was moved again.')),
    begunAtOld: sessionCount('They began at the old backend since.'),
    begunAtNew: sessionCount('They began at the new backend.'),
    endedAtOld: sessionCount('They ended at the old backend since.'),
    endedAtNew: sessionCount('They ended at the new backend.'),
    crossed: sessionCount('Of those that ended at the old backend: their station had moved by then.'),
    handedOver: sessionCount('Open ones that the new backend got of the old one.'),
  },
  { ...closed, description: 'Sessions of its stations, counted while the migration is under way.' },
);

const wave = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    name: Type.String(),
    state: oneOf(waveStates, {
      description:
        'attaching: the new backend is told of its stations. moving. soaking: every station is moved or excused. passed: its gates were green when its soak was over.',
    }),
    reason: nullable(Type.String()),
    since: time('Since when it is in this state.'),
    stations: Type.Integer({ minimum: 0 }),
    tally: Type.Object(
      Object.fromEntries(stationStates.map((state) => [state, Type.Integer({ minimum: 0 })])) as Record<
        (typeof stationStates)[number],
        ReturnType<typeof Type.Integer>
      >,
      { ...closed, description: 'Its stations by state.' },
    ),
    approved: Type.Boolean({ description: 'A person said that it may start.' }),
    waived: Type.Boolean({
      description: 'A person started it or a later one whatever its gates say: they hold nobody up any more.',
    }),
    firstMoveAt: nullable(time('When its first station moved.')),
    soakedMs: Type.Number({
      minimum: 0,
      description: 'How long it was watched since the last move, while some station of it was connected.',
    }),
    soakMs: Type.Number({ minimum: 0, description: 'How long it is to be watched.' }),
    undelivered: Type.Integer({ minimum: 0, description: 'Messages that the new backend has yet to get.' }),
    sessions,
    gates: Type.Array(gate),
  },
  closed,
);

export const migration = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    from: Type.String(),
    to: Type.String(),
    state: oneOf(migrationPhases, {
      description:
        'draft: its plan has problems. soaking: its last wave is through, and watched. done, rolled-back and abandoned are the end.',
    }),
    reason: nullable(Type.String({ description: 'Why it is in this state; null: it goes without saying.' })),
    since: time('Since when it is in this state.'),
    createdAt: time('When it was made.'),
    goingBack: Type.Boolean({ description: 'Everything is being undone, for good.' }),
    waves: Type.Array(wave),
    problems: Type.Array(problem),
    canaries: Type.Array(canary, { description: 'One station of each vendor, model and firmware.' }),
    plan,
    watchedMs: Type.Number({ minimum: 0, description: 'Time watched since it was started.' }),
    evidence: Type.Integer({ minimum: 0, description: 'Pieces of evidence that are kept.' }),
    evidenceLeftOut: Type.Integer({ minimum: 0, description: 'Those beyond the bound, counted only.' }),
  },
  closed,
);
export type Migration = Static<typeof migration>;

export const migrationPage = pageOf(migration);
export type MigrationPage = Static<typeof migrationPage>;

export const migrationDecided = Type.Object(
  { changed: Type.Boolean({ description: 'false: it was so already.' }), migration },
  closed,
);
export type MigrationDecided = Static<typeof migrationDecided>;

export const planPreview = Type.Object(
  {
    plan,
    waves: Type.Array(Type.Object({ name: Type.String(), stations: Type.Array(Type.String()) }, closed)),
    problems: Type.Array(problem),
    canaries: Type.Array(canary),
  },
  { ...closed, description: 'What the plan comes to with the fleet as it is. Nothing is kept of it.' },
);
export type PlanPreviewed = Static<typeof planPreview>;

const effect = Type.Object(
  {
    what: Type.String({
      description:
        '`clearCache`, `localList`, or the setting. `asked`: finding out what the new backend asked this station for; each such setting follows. `profiles`, `displayMessages`, `tariffs`: the same with what the old backend placed.',
    }),
    state: oneOf([
      'reading',
      'writing',
      'checking',
      'rechecking',
      'done',
      'undoing',
      'undone',
      'skipped',
      'failed',
    ]),
    reason: nullable(Type.String()),
    before: nullable(Type.String({ description: 'What the setting was before.' })),
  },
  closed,
);

export const movedStation = Type.Object(
  {
    station: Type.String(),
    wave: Type.String(),
    state: oneOf(stationStates, {
      description:
        'waiting: it is its turn, and something must end first. verified: the new backend has answered it since. failed: excused, it stays where it was.',
    }),
    reason: nullable(Type.String()),
    since: time('Since when it is in this state.'),
    movedAt: nullable(time('When it last moved to the new backend.')),
    bootAccepted: nullable(Type.Boolean({ description: 'By the new backend; null: nothing was heard.' })),
    answered: Type.Boolean({ description: 'The new backend has answered it since it moved.' }),
    stuck: Type.Boolean({ description: 'It was to go back and cannot; the reason says why.' }),
    effects: Type.Array(effect),
  },
  closed,
);
export type MovedStation = Static<typeof movedStation>;
export const movedStationPage = pageOf(movedStation);
export type MovedStationPage = Static<typeof movedStationPage>;

export const evidence = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    at: time('When.'),
    who: Type.String({ description: 'A token’s name, or `busbar`.' }),
    what: oneOf(['decision', 'migration', 'wave', 'station', 'order', 'outcome', 'gate', 'effect']),
    station: nullable(Type.String()),
    wave: nullable(Type.String()),
    before: nullable(Type.String()),
    after: nullable(Type.String()),
    reason: nullable(Type.String()),
    values: nullable(Type.Object({}, { additionalProperties: true, description: 'What was measured.' })),
  },
  closed,
);
export const evidencePage = pageOf(evidence);
export type EvidencePage = Static<typeof evidencePage>;

export const readiness = Type.Object(
  {
    station: Type.String(),
    backend: Type.String(),
    ready: Type.Boolean({ description: 'It could be moved now.' }),
    reason: nullable(Type.String({ description: 'Why not, or what to know all the same.' })),
    state: nullable(Type.String({ description: 'How far the backend knows it.' })),
    openTransactions: Type.Integer({ minimum: 0, description: 'Of its primary, by now.' }),
    tookMs: Type.Number({ minimum: 0 }),
  },
  closed,
);
export type Readiness = Static<typeof readiness>;

const wanted = Type.String({ minLength: 1, maxLength: 200, description: 'An id, or a name: its newest.' });
export const migrationParams = Type.Object({ id: wanted }, closed);
export const waveParams = Type.Object(
  {
    id: wanted,
    wave: Type.String({ minLength: 1, maxLength: 200, description: 'A wave’s name, or its number from 1.' }),
  },
  closed,
);

export const createQuery = Type.Object(
  {
    dryRun: Type.Optional(
      Type.Boolean({ default: false, description: 'Only say what it comes to; nothing is kept.' }),
    ),
  },
  closed,
);
export type CreateQuery = Static<typeof createQuery>;

export const pageQuery = Type.Object({ cursor: Type.Optional(cursor), limit: Type.Optional(limit) }, closed);
export type PageQuery = Static<typeof pageQuery>;

export const movedStationQuery = Type.Object(
  {
    wave: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    state: Type.Optional(oneOf(stationStates)),
    cursor: Type.Optional(cursor),
    limit: Type.Optional(limit),
  },
  closed,
);
export type MovedStationQuery = Static<typeof movedStationQuery>;

const reportFormats = ['json', 'markdown', 'html'] as const;
export const reportQuery = Type.Object(
  { format: Type.Optional(oneOf(reportFormats, { default: 'json' })) },
  closed,
);
export type ReportQuery = Static<typeof reportQuery>;

export const readinessBody = Type.Object(
  {
    backend: Type.String({ minLength: 1, maxLength: 200, description: 'Which is to know the station.' }),
    reason: Type.Optional(reason),
  },
  closed,
);
export type ReadinessBody = Static<typeof readinessBody>;
export const readinessQuery = Type.Object(
  { wait: Type.Optional(duration('How long to wait for the backend to know it; without it 30s.')) },
  closed,
);
export type ReadinessQuery = Static<typeof readinessQuery>;
