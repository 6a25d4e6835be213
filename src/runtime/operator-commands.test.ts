import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CommandOutcome } from '../ports/station-commander.ts';
import { checkStationId, type StationId } from '../protocol/station-id.ts';
import {
  createOperatorCommands,
  operatorCommandsMax,
  type CommandRequested,
  type OperatorCommands,
} from './operator-commands.ts';

function stationId(text: string): StationId {
  const id = checkStationId(text);
  if (!id.ok) throw new Error(`not an identity: ${text}`);
  return id.value;
}

const command = { station: stationId('CP-1'), action: 'Reset', payload: '{"type":"Soft"}' };
const result: CommandOutcome = { kind: 'result', payload: '{"status":"Accepted"}' };

/** Drivers of CP-1 and CP-2 that keep what they are told. */
let delivered: { station: StationId; event: CommandRequested }[] = [];
let commands: OperatorCommands;

beforeEach(() => {
  vi.useFakeTimers();
  delivered = [];
  commands = createOperatorCommands({
    deliver: (station, event) => {
      if (station === 'CP-9') return false;
      delivered.push({ station, event });
      return true;
    },
    deadlineMs: () => 60_000,
  });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an operator’s command', () => {
  test('goes to the driver of its station, and gives what that settles it with', async () => {
    const outcome = commands.command(command);
    expect(delivered).toEqual([
      {
        station: 'CP-1',
        event: { type: 'command_requested', requestId: 1, action: 'Reset', payload: '{"type":"Soft"}' },
      },
    ]);
    commands.settle(1, result);
    expect(await outcome).toEqual(result);
    expect([commands.waiting, vi.getTimerCount()]).toEqual([0, 0]);
  });

  test('gets its own outcome, whatever the order', async () => {
    const first = commands.command(command);
    const second = commands.command({ ...command, station: stationId('CP-2') });
    const error: CommandOutcome = { kind: 'error', code: 'NotSupported', description: '' };
    commands.settle(delivered[1]?.event.requestId ?? 0, error);
    commands.settle(delivered[0]?.event.requestId ?? 0, result);
    expect(await Promise.all([first, second])).toEqual([result, error]);
  });

  test('may be settled while it is handed over', async () => {
    const atOnce: OperatorCommands = createOperatorCommands({
      deliver: (_station, { requestId }) => {
        atOnce.settle(requestId, result);
        return true;
      },
      deadlineMs: () => 60_000,
    });
    expect(await atOnce.command(command)).toEqual(result);
  });

  test('to a station without a driver is refused at once', async () => {
    expect(await commands.command({ ...command, station: stationId('CP-9') })).toMatchObject({
      kind: 'refused',
      reason: 'not_connected',
    });
    expect(vi.getTimerCount()).toBe(0);
  });

  test('that the machine never settles ends at the deadline, and what comes later is nobody’s', async () => {
    const outcome = commands.command(command);
    vi.advanceTimersByTime(59_999);
    expect(commands.waiting).toBe(1);
    vi.advanceTimersByTime(1);
    expect(await outcome).toMatchObject({ kind: 'refused', reason: 'unknown_outcome' });
    commands.settle(1, result);
    expect(commands.waiting).toBe(0);
  });

  test('beyond the bound is refused and not handed over', async () => {
    const waiting = Array.from({ length: operatorCommandsMax }, () => commands.command(command));
    expect(await commands.command(command)).toMatchObject({ kind: 'refused', reason: 'queue_full' });
    expect(delivered).toHaveLength(operatorCommandsMax);
    for (const { event } of delivered) commands.settle(event.requestId, result);
    expect(await Promise.all(waiting)).toHaveLength(operatorCommandsMax);
  });
});
