/**
 * How a migration begins, and how it goes on after a restart.
 *
 * Pure.
 */
import { noCounts, noSessions } from './counts.ts';
import type { FrozenPlan } from './fleet.ts';
import { freshGate } from './gates.ts';
import { noSideEffects, type MigrationPlan } from './plan.ts';
import type { EffectName, MigrationHead, MigrationState, StationProgress, WaveProgress } from './state.ts';
import { addEvidence, enterMigration, type Turn } from './turn.ts';
import type { StationId } from '../../protocol/station-id.ts';

/** A draft that has yet to meet the fleet: a `planned` event is next. */
export function createMigration(id: string, plan: MigrationPlan, wallMs: number): MigrationState {
  const head: MigrationHead = {
    id,
    plan,
    createdAt: wallMs,
    phase: 'draft',
    reason: null,
    since: wallMs,
    isGoingBack: false,
    completedBy: null,
    waves: [],
    problems: [],
    canaries: [],
    watchedMs: 0,
    ranMs: 0,
    evidence: 0,
    evidenceLeftOut: 0,
  };
  return stateOf(head, []);
}

/** From what was saved, also by a Busbar that counted no sessions, knew fewer side effects, could not end one as it stood, and soaked though nobody was there. */
export function restoreMigration(saved: MigrationHead, stations: readonly StationProgress[]): MigrationState {
  const { plan, waves } = saved;
  const also = { ...noSideEffects, ...plan.also };
  const completedBy = (saved as Partial<MigrationHead>).completedBy ?? null;
  const head = { ...saved, completedBy, plan: { ...plan, also }, waves: waves.map(withSessions) };
  return stateOf(head, stations.map(withNames));
}

/** As a Busbar saved it that knew of no placed objects but charging profiles. */
interface SavedProfileName {
  readonly profile: { readonly id: string; readonly purpose: string; readonly connector: number };
}

function withNames(progress: StationProgress): StationProgress {
  const effects = progress.effects.map((effect) => ({ ...effect, what: resumedName(effect.what) }));
  return { ...progress, effects };
}

function resumedName(what: EffectName | SavedProfileName): EffectName {
  if (typeof what !== 'object' || !('profile' in what)) return what;
  const { id, purpose, connector } = what.profile;
  return { placed: { kind: 'profile', id, label: purpose, connector } };
}

function withSessions(wave: WaveProgress): WaveProgress {
  return { ...wave, awayInARow: 0, sessions: { ...noSessions(), ...wave.sessions } };
}

function stateOf(head: MigrationHead, stations: readonly StationProgress[]): MigrationState {
  const byWave: StationProgress[][] = head.waves.map(() => []);
  for (const progress of stations) byWave[progress.wave]?.push(progress);
  return {
    head,
    byWave,
    stations: new Map(byWave.flat().map((progress) => [progress.station, progress])),
  };
}

/** Which station is in which wave from now on. A migration that was started keeps what it has. */
export function applyFrozen(turn: Turn, { waves, problems, canaries }: FrozenPlan): void {
  const { state } = turn;
  const { head } = state;
  if (head.phase !== 'draft' && head.phase !== 'ready') return;
  head.problems = problems;
  head.canaries = canaries;
  head.waves = head.plan.waves.map(({ name }, at) =>
    freshWave(head, name, waves[at]?.length ?? 0, turn.view.wallMs),
  );
  const stations = waves.flatMap((wave, at) =>
    wave.map((station) => freshStation(station, at, turn.view.wallMs)),
  );
  Object.assign(state, stateOf(head, stations));
  for (const progress of stations) turn.changed.add(progress);
  turn.isReplaced = true;
  addEvidence(turn, {
    what: 'migration',
    after: 'planned',
    values: { waves: waves.length, stations: stations.length, problems: problems.length },
  });
  const blocking = problems.filter(({ isBlocking }) => isBlocking).length;
  if (blocking === 0) enterMigration(turn, 'ready');
  else enterMigration(turn, 'draft', `its plan has ${blocking === 1 ? 'a problem' : `${blocking} problems`}`);
}

function freshWave({ plan }: MigrationHead, name: string, stations: number, wallMs: number): WaveProgress {
  return {
    name,
    phase: 'planned',
    reason: null,
    since: wallMs,
    stations,
    isApproved: false,
    isWaived: false,
    paceAtMs: 0,
    soakedMs: 0,
    awayInARow: 0,
    firstMoveAt: null,
    gates: plan.gates.map(freshGate),
    before: noCounts(),
    after: noCounts(),
    sessions: noSessions(),
    undelivered: 0,
  };
}

/** A station of a wave before anything was ordered. */
export function freshStation(station: StationId, wave: number, wallMs: number): StationProgress {
  return {
    station,
    wave,
    phase: 'planned',
    reason: null,
    since: wallMs,
    movedAt: null,
    isCutOrdered: false,
    attached: 'no',
    refusals: 0,
    blocked: null,
    waitedMs: { transaction: 0, other: 0 },
    retryAtMs: 0,
    isBootAccepted: null,
    isAnswered: false,
    isStuck: false,
    effects: [],
  };
}
