/**
 * One step of a migration while it is being taken: what it may look at, and what it has come to so far.
 *
 * Pure. A phase changes here only, so that none changes without evidence. The state is changed in place; what changed is remembered, to be saved.
 */
import type { StationId } from '../../protocol/station-id.ts';
import { nounOf, type PlacedKind } from '../commands/placed-object.ts';
import type { MigrationView, Order } from './events.ts';
import type { MigrationPhase } from './phase.ts';
import {
  evidenceMax,
  type Evidence,
  type MigrationState,
  type StationPhase,
  type StationProgress,
  type WavePhase,
  type WaveProgress,
} from './state.ts';

export interface Turn {
  readonly state: MigrationState;
  readonly view: MigrationView;
  /** Who stands for what happens: a person, in the step of a decision. */
  readonly who: string;
  readonly orders: Order[];
  readonly evidence: Evidence[];
  readonly changed: Set<StationProgress>;
  isChanged: boolean;
  isReplaced: boolean;
  /** How many more orders of each kind this step may give. */
  readonly room: Record<Order['do'], number>;
}

/** Orders of a kind in one step: what a store and the stations' machines take in a second without a stall. */
const roomInAStep: Readonly<Record<Order['do'], number>> = {
  attach: 20,
  detach: 200,
  cut_over: 1_000,
  roll_back: 1_000,
  return: 1_000,
  effect: 100,
};

/** Orders of one migration that are not settled. */
const busyMax = 2_000;

/** Between two times that the same is asked of a station, milliseconds watched. */
const askAgainMs = 2_000;

export function beginTurn(state: MigrationState, view: MigrationView, who: string): Turn {
  return {
    state,
    view,
    who,
    orders: [],
    evidence: [],
    changed: new Set(),
    isChanged: false,
    isReplaced: false,
    room: { ...roomInAStep },
  };
}

/** Gives the order if there is room for it. Nothing else may be under way for the station. */
export function order(turn: Turn, progress: StationProgress, wanted: Order): boolean {
  const { head } = turn.state;
  if (head.watchedMs < progress.retryAtMs || turn.room[wanted.do] === 0) return false;
  if (turn.view.busy.size + turn.orders.length >= busyMax) return false;
  turn.room[wanted.do] -= 1;
  turn.orders.push(wanted);
  progress.retryAtMs = head.watchedMs + askAgainMs;
  touch(turn, progress);
  // What is asked again and again is told once.
  if (progress.refusals === 0)
    addEvidence(turn, { ...aboutStation(turn, progress), what: 'order', after: nameOf(wanted) });
  return true;
}

/** The station has changed, and is to be saved. */
export function touch(turn: Turn, progress: StationProgress): void {
  turn.isChanged = true;
  turn.changed.add(progress);
}

export function enterStation(
  turn: Turn,
  progress: StationProgress,
  phase: StationPhase,
  reason: string | null = null,
): void {
  const before = progress.phase;
  if (before === phase) return explain(turn, progress, reason);
  progress.phase = phase;
  progress.reason = reason;
  progress.since = turn.view.wallMs;
  touch(turn, progress);
  addEvidence(turn, { ...aboutStation(turn, progress), what: 'station', before, after: phase, reason });
}

/** Another reason for the same phase: shown, and no evidence of anything. */
export function explain(turn: Turn, progress: StationProgress, reason: string | null): void {
  if (progress.reason === reason) return;
  progress.reason = reason;
  touch(turn, progress);
}

export function enterWave(
  turn: Turn,
  wave: WaveProgress,
  phase: WavePhase,
  reason: string | null = null,
): void {
  const before = wave.phase;
  if (before === phase) return explainWave(turn, wave, reason);
  wave.phase = phase;
  wave.reason = reason;
  wave.since = turn.view.wallMs;
  turn.isChanged = true;
  addEvidence(turn, { what: 'wave', wave: wave.name, before, after: phase, reason });
}

export function explainWave(turn: Turn, wave: WaveProgress, reason: string | null): void {
  if (wave.reason === reason) return;
  wave.reason = reason;
  turn.isChanged = true;
}

export function enterMigration(turn: Turn, phase: MigrationPhase, reason: string | null = null): void {
  const { head } = turn.state;
  const before = head.phase;
  if (before === phase && head.reason === reason) return;
  turn.isChanged = true;
  head.reason = reason;
  if (before === phase) return;
  head.phase = phase;
  head.since = turn.view.wallMs;
  addEvidence(turn, { what: 'migration', before, after: phase, reason });
}

type Entry = Pick<Evidence, 'what'> & Partial<Omit<Evidence, 'what' | 'number' | 'at'>>;

/** Beyond the bound, what may come without end is counted only: see `evidenceMax`. */
export function addEvidence(turn: Turn, entry: Entry): void {
  const { head } = turn.state;
  turn.isChanged = true;
  const isEndless = entry.what === 'gate' || entry.what === 'order' || entry.what === 'outcome';
  if (head.evidence >= evidenceMax && isEndless) {
    head.evidenceLeftOut += 1;
    return;
  }
  head.evidence += 1;
  turn.evidence.push({
    number: head.evidence,
    at: turn.view.wallMs,
    who: turn.who,
    station: null,
    wave: null,
    before: null,
    after: null,
    reason: null,
    values: null,
    ...entry,
  });
}

/** Who and where, for evidence about a station. */
export function aboutStation(
  { state }: Turn,
  { station, wave }: StationProgress,
): { readonly station: StationId; readonly wave: string | null } {
  return { station, wave: state.head.waves[wave]?.name ?? null };
}

/** `cut_over`, or for an effect what it is about. */
export function nameOf(wanted: Order): string {
  if (wanted.do !== 'effect') return wanted.do;
  const { step } = wanted;
  switch (step.do) {
    case 'read':
    case 'write':
      return `${step.do} ${step.key}`;
    case 'list_placed':
      return `list_${wordOf(step.kind)}s`;
    case 'clear_placed':
      return `clear_${wordOf(step.kind)} ${step.id}`;
    case 'place_again':
      return `set_${wordOf(step.kind)} ${step.id}`;
    default:
      return step.do;
  }
}

/** `profile`, `display_message`. */
function wordOf(kind: PlacedKind): string {
  return nounOf[kind].replace(' ', '_');
}
