/**
 * Sends an operator's command to a station and waits for what came of it.
 */
import type { StationId } from '../protocol/station-id.ts';

export interface StationCommand {
  readonly station: StationId;
  readonly action: string;
  /** A JSON object as text, sent as it is. */
  readonly payload: string;
}

/**
 * Why there is no answer. `not_connected`, `forbidden`, `queue_full` and `expired` (it waited too long behind others): it was never sent and never will
 * be. `unknown_outcome`: it was sent, or may still be, and nobody knows what the station did.
 */
export type CommandRefusal = 'not_connected' | 'forbidden' | 'queue_full' | 'expired' | 'unknown_outcome';

export type CommandOutcome =
  /** The station's CALLRESULT: its payload as it came. */
  | { readonly kind: 'result'; readonly payload: string }
  /** The station's CALLERROR. */
  | { readonly kind: 'error'; readonly code: string; readonly description: string }
  /** `detail` is a sentence for the operator. */
  | { readonly kind: 'refused'; readonly reason: CommandRefusal; readonly detail: string };

export interface StationCommander {
  /** Settles in the end, whatever the station does, and never rejects. */
  command(command: StationCommand): Promise<CommandOutcome>;
}
