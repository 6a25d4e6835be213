/**
 * A ledger of identifiers on the bench: one station, some backends, and what each of them reads.
 *
 * Pure. Payloads go in and come out as JSON texts, so that a test can compare bytes. Every decision's changes are applied at once, as the station's machine does.
 */
import { decode, type Frame } from '../protocol/frame.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { applyIdChange } from '../core/ids/apply-change.ts';
import type { Arrival, Attendance } from '../core/ids/arrival.ts';
import { callArrived } from '../core/ids/call-arrived.ts';
import type { IdChange } from '../core/ids/change.ts';
import { emptyLedger, resumeLedger, type IdLedger } from '../core/ids/ledger.ts';
import { commandFailed, resultToBackend } from '../core/ids/result-to-backend.ts';
import { callFailed, resultToStation, startWithheld, type IdFault } from '../core/ids/result-to-station.ts';
import { toBackend } from '../core/ids/to-backend.ts';
import { commandSent, toStation, type CommandNote, type RefuseReason } from '../core/ids/to-station.ts';

/** A call of the station that has arrived. */
export interface BenchCall {
  readonly action: string;
  readonly text: string;
  readonly frame: Frame;
  readonly arrival: Arrival;
}

/** A command that was let through. */
export interface BenchCommand {
  readonly backend: string;
  readonly action: string;
  readonly note: CommandNote | null;
}

export class IdsBench {
  ledger: IdLedger = emptyLedger(0);
  wallMs = 1_700_000_000_000;
  /** `a` is the primary. */
  attendance: Attendance = { primary: 'a', owners: ['b', 'c'], listeners: ['b', 'c'] };
  readonly version: OcppVersion;
  /** Every change so far, in order. */
  readonly changes: IdChange[] = [];
  readonly #keys = new Map<string, string>();

  constructor(version: OcppVersion) {
    this.version = version;
  }

  /** The station calls; `key` is its content key, which a repeat has too. */
  call(action: string, payload: string, key = this.#keyOf(action, payload)): BenchCall {
    const text = `[2,"m1","${action}",${payload}]`;
    const frame = this.#decode(text);
    const call = { version: this.version, action, key };
    const arrival = callArrived(this.ledger, call, this.attendance, text, frame, this);
    this.#apply(arrival.changes);
    return { action, text, frame, arrival };
  }

  /** What this backend gets of a call: the payload, or why it gets nothing. */
  sent(backend: string, { action, text, frame, arrival }: BenchCall): string {
    const receiver = { backend, isPrimary: backend === this.attendance.primary };
    const call = { version: this.version, action, transaction: arrival.transaction };
    const sent = toBackend(this.ledger, receiver, call, text, frame);
    return typeof sent === 'string' ? this.#payload(sent) : sent.stop;
  }

  /** A backend answers; what the station would get of it. */
  answer(
    backend: string,
    { action, arrival }: BenchCall,
    payload: string,
  ): { payload: string; fault: IdFault | null } {
    const text = `[3,"m1",${payload}]`;
    const call = { version: this.version, action, transaction: arrival.transaction };
    const answer = resultToStation(this.ledger, backend, call, text, this.#decode(text), this);
    this.#apply(answer.changes);
    return { payload: this.#payload(answer.text), fault: answer.fault };
  }

  /** A backend answers with an error, or not at all. */
  fail(backend: string, { action, arrival }: BenchCall): void {
    const call = { version: this.version, action, transaction: arrival.transaction };
    this.#apply(callFailed(this.ledger, backend, call));
  }

  /** A listener is not sent a start after all. */
  withhold(backend: string, { arrival }: BenchCall): void {
    this.#apply(startWithheld(this.ledger, backend, arrival.transaction ?? ''));
  }

  /** A backend commands: what the station gets, or why it gets nothing. */
  command(
    backend: string,
    action: string,
    payload: string,
  ): { payload: string; command: BenchCommand } | RefuseReason {
    const text = `[2,"m1","${action}",${payload}]`;
    const sender = { backend, isPrimary: backend === this.attendance.primary };
    const decided = toStation(this.ledger, sender, this.version, action, text, this.#decode(text), this);
    if (decided.what === 'refuse') return decided.reason;
    this.#apply(decided.changes);
    const sent = commandSent(this.ledger, backend, this.version, action, decided.note);
    this.#apply(sent.changes);
    return { payload: this.#payload(decided.text), command: { backend, action, note: sent.note } };
  }

  /** The station answers a command; what the backend gets of it. */
  result({ backend, action, note }: BenchCommand, payload: string): string {
    const text = `[3,"m1",${payload}]`;
    const receiver = { backend, isPrimary: backend === this.attendance.primary };
    const answer = resultToBackend(
      this.ledger,
      receiver,
      this.version,
      action,
      note,
      text,
      this.#decode(text),
      this,
    );
    this.#apply(answer.changes);
    return this.#payload(answer.text);
  }

  /** A command that was not sent, or was answered with an error. */
  commandFailed({ backend, note }: BenchCommand): void {
    this.#apply(commandFailed(backend, note, this));
  }

  /** What was saved is all there is, as JSON. */
  restart(): void {
    this.ledger = JSON.parse(JSON.stringify(this.ledger)) as IdLedger;
  }

  /** The process crashes, and another reads what the last commit held: JSON of an earlier ledger. */
  crash(saved: string): void {
    this.ledger = resumeLedger(JSON.parse(saved) as IdLedger);
  }

  /** The same for the same bytes, as a digest is. */
  #keyOf(action: string, payload: string): string {
    const said = `${action}${payload}`;
    const key = this.#keys.get(said) ?? `key-${this.#keys.size}`;
    this.#keys.set(said, key);
    return key;
  }

  #apply(changes: readonly IdChange[]): void {
    for (const change of changes) {
      this.changes.push(change);
      applyIdChange(this.ledger, change);
    }
  }

  #decode(text: string): Frame {
    const frame = decode(text, this.version);
    if (frame.kind === 'invalid') throw new Error(`the bench made no frame: ${text}`);
    return frame;
  }

  #payload(text: string): string {
    const frame = this.#decode(text);
    return text.slice(frame.bodyStart, frame.bodyEnd);
  }
}
