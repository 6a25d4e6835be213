/**
 * What the gates of a wave measure, and whether they let it pass.
 *
 * Pure. A gate that has measured nothing is no green one. Red is a limit that has not held for as long as the gate allows; a limit that does not hold now lets no wave pass
 * either, however short that is.
 */
import { assert } from '../../std/assert.ts';
import { dropsPerHourOf, p95Of, shareOf } from './counts.ts';
import { isMoved } from './forward.ts';
import type { Gate, Measure } from './plan.ts';
import type { Counts, GateProgress, StationProgress, WaveProgress } from './state.ts';
import { addEvidence, type Turn } from './turn.ts';

export function freshGate(): GateProgress {
  return { state: 'no-data', value: null, before: null, reason: null, brokenMs: null };
}

/** Measures the gates of a wave whose first station has moved. */
export function measureGates(turn: Turn, waveAt: number, elapsedMs: number): void {
  const { head, byWave } = turn.state;
  const wave = head.waves[waveAt] as WaveProgress;
  for (const [at, gate] of head.plan.gates.entries()) {
    const progress = wave.gates[at];
    assert(progress !== undefined, 'a wave has every gate of its plan');
    const [value, before] = measure(gate.measure as Measure, wave, byWave[waveAt] ?? []);
    judge(turn, wave, [gate, at], progress, value, before, elapsedMs);
  }
}

/** Why the wave may not pass yet; null: all its gates are green. */
export function holdOf({ head }: Turn['state'], wave: WaveProgress): string | null {
  for (const [at, gate] of head.plan.gates.entries()) {
    const { state, reason, brokenMs } = wave.gates[at] as GateProgress;
    if (state === 'no-data' && gate.whenNoData === 'hold')
      return `${gate.measure} has no data: ${reason ?? 'nothing was measured yet'}`;
    if (state === 'red' || brokenMs !== null) return `${gate.measure} is not green: ${reason ?? ''}`;
  }
  return null;
}

/** The first red gate of a wave that may still hold it up. */
export function redOf({ head }: Turn['state'], wave: WaveProgress): { gate: Gate; reason: string } | null {
  if (wave.isWaived || (wave.phase !== 'moving' && wave.phase !== 'soaking')) return null;
  let found: { gate: Gate; reason: string } | null = null;
  for (const [at, gate] of head.plan.gates.entries()) {
    const { state, reason } = wave.gates[at] as GateProgress;
    if (state !== 'red') continue;
    const red = { gate, reason: `${gate.measure} of wave ${wave.name} is red: ${reason ?? ''}` };
    // One that undoes the wave comes first.
    if (gate.rollback) return red;
    found ??= red;
  }
  return found;
}

function judge(
  turn: Turn,
  { name, isWaived }: WaveProgress,
  [gate, at]: readonly [Gate, number],
  progress: GateProgress,
  value: number | null,
  before: number | null,
  elapsedMs: number,
): void {
  const old = progress.state;
  const broken = value === null ? null : brokenLimit(gate, value, before);
  progress.value = value;
  progress.before = before;
  progress.brokenMs = broken === null ? null : progress.brokenMs === null ? 0 : progress.brokenMs + elapsedMs;
  const isMissing = value === null || (gate.worseThanBefore !== null && before === null && broken === null);
  if (progress.brokenMs !== null && progress.brokenMs >= gate.forMs) progress.state = 'red';
  else progress.state = isMissing ? 'no-data' : 'green';
  progress.reason =
    broken ?? (isMissing ? (value === null ? emptyReason : 'nothing was measured at the old backend') : null);
  if (progress.state === old) return;
  addEvidence(turn, {
    what: 'gate',
    wave: name,
    before: old,
    after: progress.state,
    reason: progress.reason,
    values: { gate: at + 1, measure: gate.measure, value, atTheOldBackend: before, isWaived },
  });
}

const emptyReason = 'its stations have given nothing to measure since the first of them moved';

/** Which limit does not hold, with the numbers; null: all do. */
function brokenLimit(gate: Gate, value: number, before: number | null): string | null {
  const { atLeast, atMost, worseThanBefore } = gate;
  const what = gate.measure as Measure;
  const show = (number: number): string => shown(what, number);
  if (atLeast !== null && value < atLeast) return `${show(value)} is less than ${show(atLeast)}`;
  if (atMost !== null && value > atMost) return `${show(value)} is more than ${show(atMost)}`;
  if (worseThanBefore === null || before === null) return null;
  const worse = isBetterHigh(what) ? before - value : value - before;
  if (worse <= worseThanBefore) return null;
  return `${show(value)} is worse than ${show(before)} before by more than ${show(worseThanBefore)}`;
}

function isBetterHigh(what: Measure): boolean {
  return what === 'boots.accepted' || what === 'authorisations.accepted';
}

function rounded(value: number): string {
  return String(Math.round(value * 1_000) / 1_000);
}

function shown(what: Measure, value: number): string {
  switch (what) {
    case 'boots.accepted':
    case 'calls.errorRate':
    case 'authorisations.accepted':
      return `${rounded(value * 100)} %`;
    case 'answers.p95':
      return `${rounded(value)} ms`;
    case 'transactions.undelivered':
    case 'links.drops':
      return rounded(value);
  }
}

/** The value at the new backend, and at the old one; null: there is nothing to measure. */
function measure(
  what: Measure,
  { before, after, undelivered }: WaveProgress,
  stations: readonly StationProgress[],
): [value: number | null, before: number | null] {
  switch (what) {
    case 'boots.accepted':
      return [bootsAccepted(stations), 1];
    case 'calls.errorRate':
      return [errorRate(after), errorRate(before)];
    case 'authorisations.accepted':
      return [shareOf(after.accepted, after.asked), shareOf(before.accepted, before.asked)];
    case 'transactions.undelivered':
      return [undelivered, 0];
    case 'answers.p95':
      return [p95Of(after), p95Of(before)];
    case 'links.drops':
      return [
        dropsPerHourOf(after, stations.filter(isMoved).length),
        dropsPerHourOf(before, stations.length),
      ];
  }
}

function errorRate({ errors, unanswered, answered }: Counts): number | null {
  return shareOf(errors + unanswered, answered + unanswered);
}

/** Of the stations that moved and of whose boot the new backend has said something. */
function bootsAccepted(stations: readonly StationProgress[]): number | null {
  let known = 0;
  let accepted = 0;
  for (const progress of stations) {
    if (!isMoved(progress) || progress.isBootAccepted === null) continue;
    known += 1;
    if (progress.isBootAccepted) accepted += 1;
  }
  return shareOf(accepted, known);
}
