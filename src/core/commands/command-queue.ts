/**
 * The commands that wait for one station: which is sent next, and how many may wait.
 *
 * Pure. A station takes one call at a time (OCPP-J 1.6 §4.1.1; 2.x Part 4 §4.1.1), and more than one backend may have something to say to it. What stops or
 * secures goes before what a driver waits for, that before settings, that before bulk; inside a class the askers take turns, and each asker's commands keep
 * their order. A low class may starve, but not for longer than its commands' deadlines: the owner takes those out and answers them.
 */
import type { OcppVersion } from '../../protocol/version.ts';
import type { Role } from './matrix.ts';

/** 0 stopping and safety · 1 somebody waits for it · 2 settings and profiles · 3 bulk, and reads of those who only listen in. */
export type CommandClass = 0 | 1 | 2 | 3;

/** Commands that may wait for one station. */
export const commandsMax = 64;

/** Of them, commands of one asker: two floods leave room for a third. */
export const commandsOfAskerMax = 24;

/** Places, of the queue and of each asker's share, that only class 0 may use beyond the rest: bulk never keeps a stop from getting in. */
export const urgentReserve = 8;

/** What the queue must know of a command. */
export interface Queued {
  /** The backend's name, or the operator's. */
  readonly from: string;
  readonly commandClass: CommandClass;
  readonly deadlineMs: number;
}

/** The commands of one asker in one class, oldest first; never empty. */
interface Turn<Item> {
  readonly from: string;
  readonly items: Item[];
}

const classes: readonly CommandClass[] = [0, 1, 2, 3];

export class CommandQueue<Item extends Queued> {
  /** By class: whoever stands first is next. */
  readonly #turns: [Turn<Item>[], Turn<Item>[], Turn<Item>[], Turn<Item>[]] = [[], [], [], []];
  #length = 0;
  /** The earliest deadline; null when it has to be looked for again. */
  #nextDeadlineMs: number | null = Infinity;

  get length(): number {
    return this.#length;
  }

  /** Adds a command behind its asker's others of that class. False, and nothing added, when the queue or the asker's share is full. */
  push(item: Item): boolean {
    const { from, commandClass } = item;
    const extra = commandClass === 0 ? urgentReserve : 0;
    if (this.#length >= commandsMax - urgentReserve + extra) return false;
    if (this.countOf(from) >= commandsOfAskerMax + extra) return false;
    const turns = this.#turns[commandClass];
    const turn = turns.find((one) => one.from === from);
    if (turn === undefined) turns.push({ from, items: [item] });
    else turn.items.push(item);
    this.#length += 1;
    if (this.#nextDeadlineMs !== null) this.#nextDeadlineMs = Math.min(this.#nextDeadlineMs, item.deadlineMs);
    return true;
  }

  /** Takes the command that is sent next. */
  shift(): Item | undefined {
    for (const turns of this.#turns) {
      const turn = turns.shift();
      if (turn === undefined) continue;
      const item = turn.items.shift();
      if (turn.items.length > 0) turns.push(turn);
      this.#length -= 1;
      if (item?.deadlineMs === this.#nextDeadlineMs) this.#nextDeadlineMs = null;
      return item;
    }
    return undefined;
  }

  /** Takes every command that the predicate claims, in the order of the iteration; the others keep their places. */
  takeWhere(claims: (item: Item) => boolean): Item[] {
    const taken: Item[] = [];
    for (const commandClass of classes) {
      const kept: Turn<Item>[] = [];
      for (const { from, items } of this.#turns[commandClass]) {
        const left = items.filter((item) => !(claims(item) && taken.push(item) > 0));
        if (left.length > 0) kept.push({ from, items: left });
      }
      this.#turns[commandClass] = kept;
    }
    this.#length -= taken.length;
    if (taken.length > 0) this.#nextDeadlineMs = null;
    return taken;
  }

  /** The earliest deadline of a waiting command; Infinity when none waits. */
  nextDeadlineMs(): number {
    if (this.#nextDeadlineMs === null) {
      let earliestMs = Infinity;
      for (const item of this) earliestMs = Math.min(earliestMs, item.deadlineMs);
      this.#nextDeadlineMs = earliestMs;
    }
    return this.#nextDeadlineMs;
  }

  /** How many commands of this asker wait. */
  countOf(from: string): number {
    let count = 0;
    for (const turns of this.#turns)
      for (const turn of turns) if (turn.from === from) count += turn.items.length;
    return count;
  }

  /** Class by class, asker by asker in the order of their turns, oldest first. */
  *[Symbol.iterator](): Iterator<Item> {
    for (const turns of this.#turns) for (const turn of turns) yield* turn.items;
  }
}

/** H4. What is not listed is class 2. */
const classOfAction: ReadonlyMap<string, CommandClass> = new Map<string, CommandClass>([
  ['RemoteStopTransaction', 0],
  ['RequestStopTransaction', 0],
  ['UnlockConnector', 0],
  ['Reset', 0],
  ['ChangeAvailability', 0],
  ['RemoteStartTransaction', 1],
  ['RequestStartTransaction', 1],
  ['ReserveNow', 1],
  ['CancelReservation', 1],
  ['TriggerMessage', 1],
  ['ExtendedTriggerMessage', 1],
  ['DataTransfer', 1],
  ['CostUpdated', 1],
  ['AFRRSignal', 1],
  ['UsePriorityCharging', 1],
  ['RequestBatterySwap', 1],
  ['NotifyWebPaymentStarted', 1],
  ['NotifyAllowedEnergyTransfer', 1],
  ['SendLocalList', 3],
  ['GetBaseReport', 3],
  ['GetReport', 3],
  ['GetMonitoringReport', 3],
  ['GetChargingProfiles', 3],
  ['GetDisplayMessages', 3],
  ['GetDERControl', 3],
  ['CustomerInformation', 3],
  ['GetLog', 3],
  ['GetDiagnostics', 3],
  ['UpdateFirmware', 3],
  ['SignedUpdateFirmware', 3],
  ['PublishFirmware', 3],
  ['UnpublishFirmware', 3],
]);

/** The class of a command. `Reset` is urgent from the primary and the operator only; what others only read is bulk. */
export function classOfCommand(_version: OcppVersion, action: string, role: Role): CommandClass {
  const isInCharge = role === 'primary' || role === 'operator';
  if (!isInCharge && action.startsWith('Get')) return 3;
  if (!isInCharge && action === 'Reset') return 1;
  return classOfAction.get(action) ?? 2;
}
