/**
 * Profiles, messages and tariffs that are cleared at stations that have moved and placed again at those that went back, in each version's words.
 *
 * Pure. OCPP 1.6 §5.3 ClearChargingProfile, §5.16 SetChargingProfile; 2.x K10, K01, O05, O01; 2.1 I10, I07. What Busbar keeps of the station is looked at right before: by its id another may have been placed
 * since, or the same cleared.
 */
import { familyOf, nounOf } from '../core/commands/placed-object.ts';
import {
  foundOf,
  hasMoreOf,
  isEnded,
  rowsOf,
  rulesOf,
  type PlacedObjects,
} from '../core/commands/placed-objects.ts';
import { readPayload } from '../core/commands/payload.ts';
import type { OrderOutcome, PlacedOutcome, PlacedStep } from '../core/migration/events.ts';
import type { CommandOutcome } from '../ports/station-commander.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { answeredError, notSent } from './migration-effects.ts';

/** What a station was given, as it is now. */
export interface PlacedFacts {
  readonly objects: PlacedObjects | null;
  readonly version: OcppVersion;
  /** The backend that it leaves. */
  readonly from: string;
  readonly wallMs: number;
}

/** `isUncertain`: whether the station has what is to be cleared, nobody heard. */
interface PlacedCommand {
  readonly action: string;
  readonly payload: string;
  readonly isUncertain: boolean;
}

/** A command to send, or what came of it without one. */
export function placedCommand(
  step: PlacedStep,
  { objects, version, from, wallMs }: PlacedFacts,
): PlacedCommand | { readonly outcome: OrderOutcome } {
  const { kind } = step;
  const { versions, places, clears, clearing, duplicate } = rulesOf(kind);
  if (!versions.has(version)) return inapplicable(`${nameOf(version)} has no ${nounOf[kind]}s`);
  if (step.do === 'list_placed') {
    const found = foundOf(objects, kind, from, version, wallMs);
    return { outcome: { kind: 'found', of: kind, objects: found, hasMore: hasMoreOf(objects, kind) } };
  }
  const is = (what: PlacedOutcome) => ({ outcome: outcome(step, what) });
  const row = rowsOf(objects, kind).find(({ id }) => id === step.id);
  if (row === undefined) return is('gone');
  if (step.do === 'clear_placed') {
    // It was accepted, and nobody here heard so.
    if (row.asideAt !== null && row.mayBeBack !== true) return is('cleared');
    const isUncertain = row.mayBeBack === true || row.mayBeGone === true;
    return { action: clears, payload: JSON.stringify(clearing(row.id, version)), isUncertain };
  }
  if (row.asideAt === null && row.backend !== from) return is('gone');
  // Its clearing may have been carried out all the same, and to place the same under its id once more does no harm, but where a station refuses a second one of an id.
  if (row.asideAt === null && duplicate !== null && row.mayBeGone !== true) return is('there');
  if (isEnded(row, wallMs)) return is('ended');
  if (row.payload === null) return is('gone');
  if (row.family !== familyOf(version))
    return inapplicable('it was placed in the words of another OCPP version');
  return { action: places, payload: row.payload, isUncertain: false };
}

/** What the station's answer comes to. `isAgain`: it may have been told before, so that it does not know it any more because of that. */
export function placedOutcome(step: PlacedStep, isAgain: boolean, answer: CommandOutcome): OrderOutcome {
  switch (answer.kind) {
    case 'refused':
      return answer.reason === 'forbidden' ? { kind: 'denied', detail: answer.detail } : notSent(answer);
    case 'error':
      return answeredError(answer);
    case 'result': {
      const { statusOf, unknown, duplicate } = rulesOf(step.kind);
      const isClearing = step.do === 'clear_placed';
      const { members } = readPayload(answer.payload);
      const status = statusOf(members, step.do === 'list_placed' ? '' : step.id);
      if (status === 'Accepted') return outcome(step, isClearing ? 'cleared' : 'placed');
      if (isClearing && status === unknown) return outcome(step, isAgain ? 'cleared' : 'gone');
      const detail = `the station answered ${status ?? 'nothing that can be read'}`;
      if (!isClearing && status !== null && status === duplicate)
        return {
          kind: 'refused',
          reason: 'not_sent',
          detail: `${detail}: it is there already, or a session still goes by it`,
          primary: null,
        };
      return { kind: 'denied', detail };
    }
  }
}

function outcome({ kind }: PlacedStep, is: PlacedOutcome): OrderOutcome {
  return { kind: 'placed', of: kind, is };
}

function inapplicable(detail: string): { readonly outcome: OrderOutcome } {
  return { outcome: { kind: 'inapplicable', detail } };
}

/** `OCPP 1.6`. */
function nameOf(version: OcppVersion): string {
  return version.replace('ocpp', 'OCPP ');
}
