/**
 * Migrations as the API shows them.
 *
 * Pure. No plan has settings that are secrets (read-plan.ts), but what a station had before may be an address with its password.
 */
import { strikeAddresses, strikeWords } from '../core/commands/strike-words.ts';
import { effectName } from '../core/migration/effect-phase.ts';
import type { Canary, MigrationPlan, PlanProblem } from '../core/migration/plan.ts';
import type { EffectProgress, GateProgress, StationProgress } from '../core/migration/state.ts';
import { figureText } from '../control/migration-plan/gate-figures.ts';
import { writePlan } from '../control/migration-plan/write-plan.ts';
import type { Evidence, MigrationSnapshot, PlanPreview, WaveSnapshot } from '../ports/migrations.ts';
import { isoTime } from '../std/iso-time.ts';
import type {
  EvidencePage,
  Migration,
  MovedStation,
  PlanPreviewed,
  PlanProblemShown,
} from './migration-schemas.ts';

export function presentMigration(snapshot: MigrationSnapshot): Migration {
  const { id, plan, phase, reason, since, createdAt, isGoingBack, waves, problems, canaries } = snapshot;
  return {
    id,
    name: plan.name,
    from: plan.from,
    to: plan.to,
    state: phase,
    reason,
    since: isoTime(since),
    createdAt: isoTime(createdAt),
    goingBack: isGoingBack,
    waves: waves.map((wave, at) => presentWave(plan, wave, at)),
    problems: problems.map(presentProblem),
    canaries: canaries.map(presentCanary),
    plan: writePlan(plan),
    watchedMs: snapshot.watchedMs,
    evidence: snapshot.evidence,
    evidenceLeftOut: snapshot.evidenceLeftOut,
  };
}

export function presentPreview(
  plan: MigrationPlan,
  { waves, problems, canaries }: PlanPreview,
): PlanPreviewed {
  return {
    plan: writePlan(plan),
    waves: waves.map(({ name, stations }) => ({ name, stations: [...stations] })),
    problems: problems.map(presentProblem),
    canaries: canaries.map(presentCanary),
  };
}

export function presentProblem(problem: PlanProblem): PlanProblemShown {
  const { where, why, advice, stations, stationCount, isBlocking } = problem;
  return { where, why, advice, stations: [...stations], stationCount, blocking: isBlocking };
}

function presentCanary(canary: Canary): Migration['canaries'][number] {
  return { ...canary };
}

function presentWave(plan: MigrationPlan, wave: WaveSnapshot, at: number): Migration['waves'][number] {
  return {
    number: at + 1,
    name: wave.name,
    state: wave.phase,
    reason: wave.reason,
    since: isoTime(wave.since),
    stations: wave.stations,
    tally: { ...wave.tally },
    approved: wave.isApproved,
    waived: wave.isWaived,
    firstMoveAt: wave.firstMoveAt === null ? null : isoTime(wave.firstMoveAt),
    soakedMs: wave.soakedMs,
    soakMs: plan.waves[at]?.soakMs ?? plan.soakMs,
    undelivered: wave.undelivered,
    sessions: {
      ...wave.sessions,
      since: wave.sessions.since === null ? null : isoTime(wave.sessions.since),
    },
    gates: wave.gates.map((gate, index) => presentGate(plan.gates[index]?.measure ?? '', gate)),
  };
}

function presentGate(measure: string, gate: GateProgress): Migration['waves'][number]['gates'][number] {
  const { state, value, before, reason, brokenMs } = gate;
  const figureOf = (number: number | null): string | null =>
    number === null ? null : figureText(measure, number);
  return {
    measure,
    state,
    value,
    figure: figureOf(value),
    before,
    figureBefore: figureOf(before),
    reason,
    brokenMs,
  };
}

export function presentStation(plan: MigrationPlan, progress: StationProgress): MovedStation {
  const { station, wave, phase, reason, since, movedAt, isBootAccepted, isAnswered, isStuck } = progress;
  return {
    station,
    wave: plan.waves[wave]?.name ?? '',
    state: phase,
    reason,
    since: isoTime(since),
    movedAt: movedAt === null ? null : isoTime(movedAt),
    bootAccepted: isBootAccepted,
    answered: isAnswered,
    stuck: isStuck,
    effects: progress.effects.map((effect) => presentEffect(plan, effect)),
  };
}

function presentEffect(
  plan: MigrationPlan,
  { what, phase, reason, before }: EffectProgress,
): MovedStation['effects'][number] {
  return {
    what: effectName(plan, what),
    state: phase,
    reason: reason === null ? null : strikeWords(reason),
    before: before === null ? null : strikeAddresses(before),
  };
}

export function presentEvidence(entry: Evidence): EvidencePage['items'][number] {
  const { at, reason, values } = entry;
  return {
    ...entry,
    at: isoTime(at),
    reason: reason === null ? null : strikeWords(reason),
    values: values === null ? null : struckValues(values),
  };
}

function struckValues(values: NonNullable<Evidence['values']>): NonNullable<Evidence['values']> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value === 'string' ? strikeAddresses(value) : value,
    ]),
  );
}
