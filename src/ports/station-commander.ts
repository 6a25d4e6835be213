/**
 * Sends an operator's command to a station and waits for what came of it.
 */
import type { CommandOutcome } from '../core/station/events.ts';
import type { StationId } from '../protocol/station-id.ts';

export type { CommandOutcome, CommandRefusal } from '../core/station/events.ts';

export interface StationCommand {
  readonly station: StationId;
  readonly action: string;
  /** A JSON object as text, sent as it is. */
  readonly payload: string;
}

export interface StationCommander {
  /** Settles in the end, whatever the station does, and never rejects. */
  command(command: StationCommand): Promise<CommandOutcome>;
}
