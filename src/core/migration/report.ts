/**
 * What a person signs off: what was moved, when and by whom, what was measured, and what went otherwise than planned.
 *
 * Pure. Made from the migration as it stands and its evidence, which may be long: it is handed over page by page. Times are wall clock, milliseconds since 1970.
 */
import { strikeAddresses, strikeWords } from '../commands/strike-words.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { addSessions, noSessions } from './counts.ts';
import { effectName } from './effect-phase.ts';
import { isOver } from './phase.ts';
import type { MigrationPlan } from './plan.ts';
import type {
  Counts,
  EffectPhase,
  Evidence,
  MigrationHead,
  SessionCounts,
  StationPhase,
  StationProgress,
  WaveProgress,
} from './state.ts';

export interface MigrationReport {
  readonly madeAt: number;
  readonly id: string;
  readonly plan: MigrationPlan;
  readonly phase: MigrationHead['phase'];
  readonly reason: string | null;
  readonly createdAt: number;
  /** When it was first started; null: it never was. */
  readonly startedAt: number | null;
  /** When it came to its end; null: it has not. */
  readonly endedAt: number | null;
  /** When it was over before a rollback made it go on: nothing of its stations was counted then. */
  readonly uncounted: readonly TimeSpan[];
  readonly stations: number;
  readonly tally: Readonly<Record<StationPhase, number>>;
  readonly waves: readonly WaveReport[];
  /** Of all waves. */
  readonly sessions: SessionsReport;
  /** What people decided, oldest first. */
  readonly decisions: readonly ReportedDecision[];
  /** What went otherwise than planned: stations that were excused, refused at last, or cannot go back. */
  readonly exceptions: readonly ReportedException[];
  readonly rollbacks: readonly ReportedRollback[];
  readonly evidence: {
    readonly count: number;
    /** Beyond the bound of what is kept. */
    readonly leftOut: number;
    /** Numbers that should be there and are not: the storage was damaged. */
    readonly missing: number;
  };
}

/** Wall clock, milliseconds since 1970. */
export interface TimeSpan {
  readonly from: number;
  readonly to: number;
}

export interface WaveReport {
  readonly number: number;
  readonly name: string;
  readonly phase: WaveProgress['phase'];
  readonly reason: string | null;
  readonly plannedAt: number | null;
  readonly firstMoveAt: number | null;
  readonly lastMoveAt: number | null;
  readonly passedAt: number | null;
  readonly soakedMs: number;
  readonly soakMs: number;
  readonly undelivered: number;
  /** A person let the waves go on whatever its gates say. */
  readonly isWaived: boolean;
  readonly gates: readonly GateReport[];
  /** What its stations did at the backend that they leave, and at the new one. */
  readonly before: SideReport;
  readonly after: SideReport;
  readonly sessions: SessionsReport;
  readonly stations: readonly StationReport[];
}

export interface GateReport {
  readonly measure: string;
  readonly atLeast: number | null;
  readonly atMost: number | null;
  readonly worseThanBefore: number | null;
  readonly state: 'no-data' | 'green' | 'red';
  readonly value: number | null;
  readonly before: number | null;
  readonly reason: string | null;
  /** How often it went red. */
  readonly timesRed: number;
}

export type SideReport = Pick<Counts, 'answered' | 'errors' | 'unanswered' | 'asked' | 'accepted' | 'drops'>;

/** Sessions since the first move, for as long as the migration was under way. */
export type SessionsReport = Readonly<SessionCounts>;

/** Sessions that are open when the report is made; null: the station is not known any more. */
export interface OpenSessions {
  readonly from: number;
  readonly to: number;
}

export interface StationReport {
  readonly station: StationId;
  readonly phase: StationPhase;
  readonly reason: string | null;
  readonly movedAt: number | null;
  /** When it went back; null: it did not. */
  readonly wentBackAt: number | null;
  readonly isBootAccepted: boolean | null;
  readonly isAnswered: boolean;
  readonly isStuck: boolean;
  readonly sessions: OpenSessions | null;
  readonly effects: readonly {
    readonly what: string;
    /** The plan names it; false: it was found at this station. */
    readonly isOfPlan: boolean;
    readonly phase: EffectPhase;
    readonly before: string | null;
    readonly reason: string | null;
  }[];
}

export interface ReportedDecision {
  readonly at: number;
  readonly who: string;
  readonly what: string;
  readonly wave: string | null;
  readonly reason: string | null;
}

export interface ReportedException {
  readonly at: number;
  readonly station: StationId;
  readonly wave: string | null;
  readonly reason: string | null;
}

export interface ReportedRollback {
  readonly at: number;
  readonly who: string;
  /** null: of the migration as a whole. */
  readonly wave: string | null;
  readonly reason: string | null;
}

/** What was gathered of the evidence so far. */
export interface ReportDraft {
  readonly decisions: ReportedDecision[];
  readonly rollbacks: ReportedRollback[];
  readonly wentBackAt: Map<StationId, number>;
  /** By wave and the gate's place, from 1. */
  readonly timesRed: Map<string, number>;
  /** By wave. */
  readonly passedAt: Map<string, number>;
  readonly lastMoveAt: Map<string, number>;
  /** By station and side effect: when it last could not be done, or not be undone. */
  readonly failedAt: Map<string, number>;
  startedAt: number | null;
  endedAt: number | null;
  readonly uncounted: TimeSpan[];
  newest: number;
  missing: number;
}

export function beginReport(): ReportDraft {
  return {
    decisions: [],
    rollbacks: [],
    wentBackAt: new Map(),
    timesRed: new Map(),
    passedAt: new Map(),
    lastMoveAt: new Map(),
    failedAt: new Map(),
    startedAt: null,
    endedAt: null,
    uncounted: [],
    newest: 0,
    missing: 0,
  };
}

/** The next page of evidence, oldest first. */
export function readEvidence(draft: ReportDraft, entries: readonly Evidence[]): void {
  for (const entry of entries) {
    draft.missing += entry.number - draft.newest - 1;
    draft.newest = entry.number;
    readEntry(draft, entry);
  }
}

function readEntry(draft: ReportDraft, entry: Evidence): void {
  const { at, who, what, station, wave, after, reason, values } = entry;
  switch (what) {
    case 'decision':
      draft.decisions.push({ at, who, what: after ?? '', wave, reason });
      return;
    case 'migration':
      if (after === 'running') draft.startedAt ??= at;
      if (draft.endedAt !== null) draft.uncounted.push({ from: draft.endedAt, to: at });
      draft.endedAt = isOver(after) ? at : null;
      return;
    case 'wave':
      // One that was begun again, or went back, has yet to pass.
      if (after === 'passed') draft.passedAt.set(wave ?? '', at);
      else draft.passedAt.delete(wave ?? '');
      if (after === 'rolling-back') draft.rollbacks.push({ at, who, wave, reason: whyAlone(who, reason) });
      return;
    case 'station':
      if (station === null) return;
      if (after === 'moved') {
        draft.lastMoveAt.set(wave ?? '', at);
        // It is there again.
        draft.wentBackAt.delete(station);
      }
      if (after === 'rolled-back') draft.wentBackAt.set(station, at);
      return;
    case 'effect':
      if (after === 'failed') draft.failedAt.set(keyOf(station, String(values?.['effect'] ?? '')), at);
      return;
    case 'gate': {
      if (after !== 'red') return;
      // Before gates were numbered in evidence, their measure stood for them.
      const key = keyOf(wave, String(values?.['gate'] ?? values?.['measure'] ?? ''));
      draft.timesRed.set(key, (draft.timesRed.get(key) ?? 0) + 1);
      return;
    }
    default:
  }
}

export interface ReportSources {
  readonly head: MigrationHead;
  readonly stations: readonly StationProgress[];
  readonly sessionsOf: (station: StationId) => OpenSessions | null;
  readonly madeAt: number;
}

export function finishReport(draft: ReportDraft, sources: ReportSources): MigrationReport {
  const { head, stations, madeAt } = sources;
  const tally = {
    planned: 0,
    attaching: 0,
    synced: 0,
    waiting: 0,
    moved: 0,
    verified: 0,
    failed: 0,
    'rolled-back': 0,
  };
  for (const { phase } of stations) tally[phase] += 1;
  const { plan, waves } = head;
  return {
    madeAt,
    id: head.id,
    plan,
    phase: head.phase,
    reason: head.reason,
    createdAt: head.createdAt,
    startedAt: draft.startedAt,
    endedAt: draft.endedAt,
    uncounted: draft.uncounted,
    stations: stations.length,
    tally,
    waves: waves.map((wave, at) => waveReport(draft, sources, wave, at)),
    sessions: allSessions(waves),
    decisions: draft.decisions,
    exceptions: stations.flatMap((progress) =>
      exceptionsOf(draft, plan, progress, waves[progress.wave]?.name ?? null),
    ),
    rollbacks: draft.rollbacks,
    evidence: {
      count: head.evidence,
      leftOut: head.evidenceLeftOut,
      missing: draft.missing + Math.max(0, head.evidence - draft.newest),
    },
  };
}

function waveReport(
  draft: ReportDraft,
  { head, stations, sessionsOf }: ReportSources,
  wave: WaveProgress,
  at: number,
): WaveReport {
  const { plan } = head;
  const { name } = wave;
  return {
    number: at + 1,
    name,
    phase: wave.phase,
    reason: wave.reason,
    plannedAt: plan.waves[at]?.atMs ?? null,
    firstMoveAt: wave.firstMoveAt,
    lastMoveAt: draft.lastMoveAt.get(name) ?? null,
    passedAt: draft.passedAt.get(name) ?? null,
    soakedMs: wave.soakedMs,
    soakMs: plan.waves[at]?.soakMs ?? plan.soakMs,
    undelivered: wave.undelivered,
    isWaived: wave.isWaived,
    gates: plan.gates.map(({ measure, atLeast, atMost, worseThanBefore }, index): GateReport => {
      const progress = wave.gates[index];
      return {
        measure,
        atLeast,
        atMost,
        worseThanBefore,
        state: progress?.state ?? 'no-data',
        value: progress?.value ?? null,
        before: progress?.before ?? null,
        reason: progress?.reason ?? null,
        timesRed:
          (draft.timesRed.get(keyOf(name, String(index + 1))) ?? 0) +
          (draft.timesRed.get(keyOf(name, measure)) ?? 0),
      };
    }),
    before: sideOf(wave.before),
    after: sideOf(wave.after),
    sessions: { ...wave.sessions },
    stations: stations
      .filter((progress) => progress.wave === at)
      .map((progress) => stationReport(draft, plan, progress, sessionsOf(progress.station))),
  };
}

function stationReport(
  draft: ReportDraft,
  plan: MigrationPlan,
  progress: StationProgress,
  sessions: OpenSessions | null,
): StationReport {
  const { station, phase, reason, movedAt, isBootAccepted, isAnswered, isStuck, effects } = progress;
  return {
    station,
    phase,
    reason,
    movedAt,
    wentBackAt: movedAt === null ? null : (draft.wentBackAt.get(station) ?? null),
    isBootAccepted,
    isAnswered,
    isStuck,
    sessions,
    effects: effects.map((effect) => ({
      what: effectName(plan, effect.what),
      isOfPlan: typeof effect.what !== 'object',
      phase: effect.phase,
      // The report is handed on, and what the station had may be an address with its password.
      before: effect.before === null ? null : strikeAddresses(effect.before),
      reason: effect.reason === null ? null : strikeWords(effect.reason),
    })),
  };
}

function exceptionsOf(
  draft: ReportDraft,
  plan: MigrationPlan,
  { station, phase, reason, since, isStuck, effects }: StationProgress,
  wave: string | null,
): ReportedException[] {
  const failed = effects.filter((effect) => effect.phase === 'failed');
  return [
    ...(phase === 'failed' || isStuck ? [{ at: since, station, wave, reason }] : []),
    ...failed.map((effect) => ({
      at: draft.failedAt.get(keyOf(station, effectName(plan, effect.what))) ?? since,
      station,
      wave,
      reason: effect.reason === null ? null : strikeWords(effect.reason),
    })),
  ];
}

/** A phase's reason names who decided; here that stands beside it. */
function whyAlone(who: string, reason: string | null): string | null {
  if (reason === who) return null;
  return reason?.startsWith(`${who}: `) === true ? reason.slice(who.length + 2) : reason;
}

function sideOf({ answered, errors, unanswered, asked, accepted, drops }: Counts): SideReport {
  return { answered, errors, unanswered, asked, accepted, drops };
}

function allSessions(waves: readonly WaveProgress[]): SessionsReport {
  const total = noSessions();
  for (const { sessions } of waves) addSessions(total, sessions);
  return total;
}

function keyOf(of: string | null, what: string): string {
  return JSON.stringify([of, what]);
}
