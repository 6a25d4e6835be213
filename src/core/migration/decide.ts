/**
 * What people decide of a migration.
 *
 * Pure. Every decision may be given twice: what is so already changes nothing, and is done. One that cannot be says what can.
 */
import { hasStuck, sendBack } from './back.ts';
import { noCounts } from './counts.ts';
import { isMoved } from './forward.ts';
import { freshGate, redOf } from './gates.ts';
import { isOver, isUnderWay } from './phase.ts';
import type {
  DecidedBy,
  MigrationDecision,
  MigrationOutcome,
  MigrationRefusal,
  StationProgress,
  WaveProgress,
} from './state.ts';
import { addEvidence, enterMigration, enterStation, enterWave, touch, type Turn } from './turn.ts';
import { beginWave, explainWaiting } from './waves.ts';

const changed: MigrationOutcome = { kind: 'done', isChanged: true };
const unchanged: MigrationOutcome = { kind: 'done', isChanged: false };

export function decide(turn: Turn, decision: MigrationDecision, by: DecidedBy): MigrationOutcome {
  const wave = 'wave' in decision ? turn.state.head.waves[decision.wave] : null;
  if (wave === undefined) return refused('no_such_wave', 'The plan has no such wave.');
  const outcome = permit(turn, decision, wave);
  if (outcome.kind === 'refused' || !outcome.isChanged) return outcome;
  // An approval is of the wave that waits for it.
  const about = decision.do === 'approve' ? waitingWave(turn) : wave;
  addEvidence(turn, {
    what: 'decision',
    wave: about?.name ?? null,
    before: turn.state.head.phase,
    after: decision.do,
    reason: by.reason,
  });
  carryOut(turn, decision, wave, saidBy(by));
  return outcome;
}

function saidBy({ who, reason }: DecidedBy): string {
  return reason === null ? who : `${who}: ${reason}`;
}

function refused(reason: MigrationRefusal, detail: string): MigrationOutcome {
  return { kind: 'refused', reason, detail };
}

/** Whether it may be, and whether it would change anything. */
function permit(turn: Turn, decision: MigrationDecision, wave: WaveProgress | null): MigrationOutcome {
  const { phase, isGoingBack, completedBy } = turn.state.head;
  switch (decision.do) {
    case 'rollback':
      if (isGoingBack)
        return phase === 'rolled-back' && hasStuck(turn.state.stations.values()) ? changed : unchanged;
      if (phase === 'done' || isUnderWay(phase)) return changed;
      if (isOver(phase)) return over();
      return refused('not_now', 'It never started, so that there is nothing to undo. It can be abandoned.');
    case 'abandon':
      if (phase === 'abandoned') return unchanged;
      if (phase === 'draft' || phase === 'ready') return changed;
      return refused(isOver(phase) ? 'is_over' : 'not_now', 'It was started. It can be rolled back.');
    case 'complete':
      if (phase === 'done' || (completedBy !== null && !isOver(phase))) return unchanged;
      if (isOver(phase)) return over();
      if (!isUnderWay(phase)) return refused('not_now', 'It never started. It can be abandoned.');
      return isGoingBack ? goingBack() : permitComplete(turn);
    case 'start':
      if (phase === 'ready') return changed;
      if (phase === 'draft')
        return refused(
          'has_problems',
          'Its plan has problems. Mend them and replan it, or abandon it and make one of another plan.',
        );
      if (phase === 'paused') return refused('not_now', 'It was started, and is paused. It can be resumed.');
      return isOver(phase) ? over() : unchanged;
    case 'pause':
    case 'resume':
    case 'approve':
    case 'approve_wave':
    case 'start_wave':
    case 'rollback_wave':
      if (isOver(phase)) return over();
      if (!isUnderWay(phase)) return refused('not_now', 'It has yet to be started.');
      if (isGoingBack) return goingBack();
      if (completedBy !== null)
        return refused('not_now', 'It is being completed, and no wave of it goes on. It can be rolled back.');
      return permitLive(turn, decision.do, wave);
  }
}

function over(): MigrationOutcome {
  return refused('is_over', 'It is over.');
}

function goingBack(): MigrationOutcome {
  return refused('not_now', 'It is being rolled back, which nothing stops.');
}

/** Nothing that is half moved is left as it stands. */
function permitComplete({ state }: Turn): MigrationOutcome {
  for (const { phase, name } of state.head.waves) {
    if (phase === 'rolling-back')
      return refused('not_now', `Wave ${name} is being rolled back. Wait for its end.`);
    if (phase === 'moving' || phase === 'soaking')
      return refused(
        'not_now',
        `Wave ${name} is ${phase}. Wait until it has passed, start it again to let it pass, or roll it back.`,
      );
  }
  return changed;
}

function permitLive(
  turn: Turn,
  wanted: 'pause' | 'resume' | 'approve' | 'approve_wave' | 'start_wave' | 'rollback_wave',
  wave: WaveProgress | null,
): MigrationOutcome {
  const { head } = turn.state;
  switch (wanted) {
    case 'pause':
      return head.phase === 'paused' ? unchanged : changed;
    case 'resume':
      return head.phase === 'paused' ? permitResume(turn) : unchanged;
    case 'approve':
      return permitApprove(turn, waitingWave(turn));
    case 'approve_wave':
      return permitApprove(turn, wave);
    case 'start_wave':
      return permitStart(turn, wave as WaveProgress);
    case 'rollback_wave':
      return permitBack(turn, wave as WaveProgress);
  }
}

function permitApprove({ state: { head } }: Turn, wave: WaveProgress | null): MigrationOutcome {
  if (!head.plan.approve) return refused('not_now', 'Its plan asks for nobody’s approval.');
  if (wave === null) return refused('not_now', 'No wave waits for anything.');
  if (wave.phase === 'rolling-back' || wave.phase === 'rolled-back')
    return refused('not_now', `Wave ${wave.name} was rolled back. It can be started again.`);
  const isToStart = wave.phase === 'planned' || wave.phase === 'attaching';
  return wave.isApproved || !isToStart || wave === head.waves[0] ? unchanged : changed;
}

function permitResume({ state }: Turn): MigrationOutcome {
  // A wave that a person started without the one that was rolled back goes on without it.
  const isGoing = state.head.waves.some(({ phase }) => phase === 'moving' || phase === 'soaking');
  for (const wave of state.head.waves) {
    if (wave.phase === 'rolling-back')
      return refused('not_now', `Wave ${wave.name} is being rolled back. Wait for its end.`);
    if (wave.phase === 'rolled-back' && !isGoing)
      return refused(
        'not_now',
        `Wave ${wave.name} was rolled back. Start it again, complete the migration without it, or roll back the migration.`,
      );
    const red = redOf(state, wave);
    if (red !== null)
      return refused(
        'gate_red',
        `It would pause again at once: ${red.reason}. Start wave ${wave.name} to go on all the same.`,
      );
  }
  return changed;
}

function permitStart({ state }: Turn, wave: WaveProgress): MigrationOutcome {
  const { head, byWave } = state;
  if (wave.phase === 'rolling-back')
    return refused('not_now', `Wave ${wave.name} is being rolled back. Wait for its end.`);
  const isStarted = wave.phase === 'moving' || wave.phase === 'soaking' || wave.phase === 'passed';
  const isAllDone = !(byWave[head.waves.indexOf(wave)] ?? []).some(isToTryAgain);
  // One that soaks is let pass; one that moves just goes on.
  const isOnItsWay = wave.phase !== 'soaking' || wave.isWaived;
  return isStarted && isAllDone && isOnItsWay && head.phase !== 'paused' ? unchanged : changed;
}

function permitBack({ state }: Turn, wave: WaveProgress): MigrationOutcome {
  const { phase, name } = wave;
  if (phase === 'rolling-back') return unchanged;
  const stations = state.byWave[state.head.waves.indexOf(wave)] ?? [];
  // What could not be brought back may be by now.
  if (phase === 'rolled-back') return hasStuck(stations) ? changed : unchanged;
  // Somebody else may have moved one ahead of its turn.
  if ((phase === 'planned' || phase === 'attaching') && !stations.some(isMoved))
    return refused('not_now', `No station of wave ${name} has moved.`);
  return changed;
}

/** The wave that is next to start. The first needs nobody's approval: it was started. */
function waitingWave({ state }: Turn): WaveProgress | null {
  const [, ...later] = state.head.waves;
  return later.find(({ phase }) => phase === 'planned' || phase === 'attaching') ?? null;
}

function carryOut(turn: Turn, decision: MigrationDecision, wave: WaveProgress | null, said: string): void {
  const { head } = turn.state;
  switch (decision.do) {
    case 'start':
      return enterMigration(turn, 'running');
    case 'pause':
      return enterMigration(turn, 'paused', said);
    case 'resume':
      return enterMigration(turn, 'running');
    case 'abandon':
      return enterMigration(turn, 'abandoned', said);
    case 'approve':
      (waitingWave(turn) as WaveProgress).isApproved = true;
      return explainWaiting(turn);
    case 'approve_wave':
      (wave as WaveProgress).isApproved = true;
      return explainWaiting(turn);
    case 'complete':
      return complete(turn, said);
    case 'rollback':
      head.isGoingBack = true;
      head.completedBy = null;
      for (const each of head.waves) sendBack(turn, each, said);
      return enterMigration(turn, 'running', said);
    case 'start_wave':
      return startWave(turn, wave as WaveProgress);
    case 'rollback_wave':
      sendBack(turn, wave as WaveProgress, said);
      return enterMigration(turn, 'paused', `wave ${(wave as WaveProgress).name} is rolled back by ${said}`);
  }
}

/** What is still to be done is to let go of what was made ready: the next ticks do. */
function complete(turn: Turn, said: string): void {
  const { head, byWave } = turn.state;
  head.completedBy = said;
  for (const [at, wave] of head.waves.entries()) {
    if (wave.phase !== 'planned' && wave.phase !== 'attaching') continue;
    enterWave(turn, wave, 'planned', 'the migration was completed without it');
    wave.isApproved = false;
    for (const progress of byWave[at] ?? []) leaveOut(turn, progress);
  }
  enterMigration(turn, 'running', said);
}

/** It stays where it is: with its old backend, or where somebody else has moved it, and then nothing is sent to it because of that. */
function leaveOut(turn: Turn, progress: StationProgress): void {
  if (!isMoved(progress))
    return enterStation(turn, progress, 'planned', progress.phase === 'planned' ? progress.reason : null);
  progress.effects = [];
  touch(turn, progress);
}

function startWave(turn: Turn, wave: WaveProgress): void {
  const { head, byWave } = turn.state;
  const at = head.waves.indexOf(wave);
  for (const each of head.waves.slice(0, at + 1))
    if (each.phase === 'moving' || each.phase === 'soaking') each.isWaived = true;
  if (wave.phase === 'rolled-back') forgetMeasures(wave);
  wave.isApproved = true;
  let again = 0;
  for (const progress of byWave[at] ?? []) {
    // One that somebody else moved meanwhile is seen to have moved, and sent what the plan says.
    if (!isToTryAgain(progress) && wave.phase !== 'rolled-back') continue;
    again += 1;
    tryAgain(turn, progress);
  }
  const isNew = wave.phase === 'planned' || wave.phase === 'attaching' || wave.phase === 'rolled-back';
  if (isNew || again > 0) beginWave(turn, wave);
  enterMigration(turn, 'running');
}

/** Those that were excused, or went back. */
function isToTryAgain({ phase }: StationProgress): boolean {
  return phase === 'failed' || phase === 'rolled-back';
}

function tryAgain(turn: Turn, progress: StationProgress): void {
  enterStation(turn, progress, 'planned');
  // Whether it still is, nobody has looked.
  if (progress.attached === 'yes') progress.attached = 'ordered';
  progress.refusals = 0;
  progress.blocked = null;
  progress.waitedMs.transaction = 0;
  progress.waitedMs.other = 0;
  progress.retryAtMs = 0;
  progress.isStuck = false;
  touch(turn, progress);
}

/** What went wrong the last time is not held against the next. */
function forgetMeasures(wave: WaveProgress): void {
  wave.isWaived = false;
  wave.firstMoveAt = null;
  Object.assign(wave.after, noCounts());
  for (const gate of wave.gates) Object.assign(gate, freshGate());
}
