/** What the bench asks of a load process, and what it hears. Types only. */
import type { Mix } from './messages.ts';

export type LoadOrder =
  /** Connect stations until there are so many, and have each say its boot. */
  | {
      readonly order: 'connect';
      readonly port: number;
      readonly isTls: boolean;
      readonly stations: number;
      /** Links of each to the backend in the same process: its own, and those of observers. */
      readonly linksEach: number;
      /** Connections without an answer at a time; Infinity: all at once. */
      readonly inFlight: number | null;
    }
  /** Every station sends its next message when the last is answered. */
  | { readonly order: 'saturate'; readonly mix: Mix; readonly ms: number }
  /** Messages at fixed times, round the stations, whatever became of those before. */
  | {
      readonly order: 'pace';
      /** In turn, message by message. */
      readonly mixes: readonly Mix[];
      readonly perSecond: number;
      readonly ms: number;
    }
  /** The backend goes away, with all its links, or comes back at its port; without `is` it only tells what it has got. */
  | { readonly order: 'backend'; readonly is?: 'down' | 'up' };

export interface Connected {
  readonly order: 'connect';
  /** From the first connection attempt until every station is up, or refused; and its backend link, where the backend is in the same process. */
  readonly ms: number;
  readonly refused: number;
  /** The first refusal, for the one who has to find out. */
  readonly firstRefusal: string | null;
}

export interface Driven {
  readonly order: 'saturate' | 'pace';
  /** Calls that were answered; each is two frames across the process under test. */
  readonly calls: number;
  readonly ms: number;
  /** Round-trip times by place in `mixes`, milliseconds, sorted; empty for `saturate`. */
  readonly roundTripsMs: readonly (readonly number[])[];
  /** Messages that were due while their station still waited for an answer, and so were left out. */
  readonly skipped: number;
}

export interface BackendTold {
  readonly order: 'backend';
  /** Calls with meter values that it has got, since it was born. */
  readonly readings: number;
  /** Links that are open. */
  readonly links: number;
}

export type LoadAnswer =
  | { readonly backendPort: number }
  | Connected
  | Driven
  | BackendTold
  | { readonly failure: string };
