/**
 * Operators' commands on their way to a station's machine and back: one number each, so that an outcome finds who waits for it.
 *
 * Not pure: each command that waits has a timer. The machine has deadlines of its own; the one here is for a machine that a bug stopped.
 */
import type { CommandOutcome, StationCommander } from '../ports/station-commander.ts';
import type { StationId } from '../protocol/station-id.ts';

/** What the machine of a station is told. */
export interface CommandRequested {
  readonly type: 'command_requested';
  /** Unique in the process. */
  readonly requestId: number;
  readonly action: string;
  /** A JSON object as text. */
  readonly payload: string;
}

export interface OperatorCommandsOptions {
  /** Hands the event to the driver of the station; false when it has none, so that it cannot be connected. */
  readonly deliver: (station: StationId, event: CommandRequested) => boolean;
  /** How long the machine may take for one, milliseconds. Asked for each, since a reload may change it. */
  readonly deadlineMs: () => number;
}

export interface OperatorCommands extends StationCommander {
  /** The machine's `command_settled`. One that nobody waits for any more is forgotten. */
  settle(requestId: number, outcome: CommandOutcome): void;
  /** Commands without an outcome so far. */
  readonly waiting: number;
}

/** Commands without an outcome, of all operators and stations. Each station bounds its own besides. */
export const operatorCommandsMax = 1_000;

export function createOperatorCommands({ deliver, deadlineMs }: OperatorCommandsOptions): OperatorCommands {
  const waiting = new Map<number, (outcome: CommandOutcome) => void>();
  let lastId = 0;

  const settle = (requestId: number, outcome: CommandOutcome): void => {
    const resolve = waiting.get(requestId);
    waiting.delete(requestId);
    resolve?.(outcome);
  };

  return {
    settle,
    get waiting() {
      return waiting.size;
    },
    async command({ station, action, payload }) {
      if (waiting.size >= operatorCommandsMax) return tooMany;
      lastId += 1;
      const requestId = lastId;
      const outcome = Promise.withResolvers<CommandOutcome>();
      waiting.set(requestId, outcome.resolve);
      const timeoutMs = deadlineMs();
      const deadline = setTimeout(() => settle(requestId, unanswered(timeoutMs)), timeoutMs);
      // The machine may settle it before `deliver` returns.
      if (!deliver(station, { type: 'command_requested', requestId, action, payload }))
        settle(requestId, notConnected);
      const settled = await outcome.promise;
      clearTimeout(deadline);
      return settled;
    },
  };
}

const notConnected: CommandOutcome = {
  kind: 'refused',
  reason: 'not_connected',
  detail: 'The station is not connected.',
};

const tooMany: CommandOutcome = {
  kind: 'refused',
  reason: 'queue_full',
  detail: `${operatorCommandsMax} commands of operators wait for their stations already.`,
};

function unanswered(timeoutMs: number): CommandOutcome {
  return {
    kind: 'refused',
    reason: 'unknown_outcome',
    detail: `Nothing was heard within ${Math.round(timeoutMs / 1_000)} s; the station may have got it.`,
  };
}
