/**
 * What one peer saw of one station's links: the only thing the checkers look at.
 *
 * Pure. A station keeps one ledger; a backend keeps one for each station. Entries are in the order of that peer's own eyes, links are
 * numbered from 1 by that peer. A ledger stands outside of what is under test and knows nothing of it.
 */
import { stepBackend, type BackendEffect, type BackendEvent, type BackendStation } from './backend-life.ts';
import type { OcppVersion } from '../protocol/version.ts';
import type { LifeClock, LifeEffect, LifeEvent, StationLife } from './life-state.ts';
import { stepLife } from './station-life.ts';
import { readMessage } from './read-once.ts';
import type { Message } from './wire.ts';

type LedgerEntry =
  | { readonly type: 'opened'; readonly link: number; readonly atMs: number; readonly version: OcppVersion }
  | { readonly type: 'closed'; readonly link: number; readonly atMs: number }
  /** `discarded`, by a station only: thrown away after the last attempt. */
  | {
      readonly type: 'sent' | 'received' | 'discarded';
      readonly link: number;
      readonly atMs: number;
      readonly text: string;
    };

export interface Ledger {
  readonly station: string;
  /** The last version spoken; what makes an action a transaction message. */
  version: OcppVersion;
  readonly entries: LedgerEntry[];
  /** Links so far; also the number of the last one. */
  links: number;
  /** The last link is up, as far as this peer has noticed. */
  isOpen: boolean;
}

/** A call on a link and what came back on that link under its id. */
export interface Exchange {
  readonly link: number;
  /** Of the link. */
  readonly version: OcppVersion;
  readonly message: Message;
  readonly text: string;
  readonly atMs: number;
  /** Which entry of the ledger it is. */
  readonly place: number;
  /** Results and errors with its id, in order: none, one, or more than one too many. */
  readonly answers: {
    readonly message: Message;
    readonly text: string;
    readonly atMs: number;
    readonly place: number;
  }[];
}

export function createLedger(station: string, version: OcppVersion): Ledger {
  return { station, version, entries: [], links: 0, isOpen: false };
}

/** A new link; it takes the place of one that was thought open. */
export function noteOpened(ledger: Ledger, atMs: number, version: OcppVersion): void {
  noteClosed(ledger, atMs);
  ledger.links += 1;
  ledger.isOpen = true;
  ledger.version = version;
  ledger.entries.push({ type: 'opened', link: ledger.links, atMs, version });
}

export function noteClosed(ledger: Ledger, atMs: number): void {
  if (!ledger.isOpen) return;
  ledger.isOpen = false;
  ledger.entries.push({ type: 'closed', link: ledger.links, atMs });
}

export function noteText(
  ledger: Ledger,
  type: 'sent' | 'received' | 'discarded',
  atMs: number,
  text: string,
): void {
  ledger.entries.push({ type, link: ledger.links, atMs, text });
}

/** Steps a station and writes what happened into its ledger: how every runner drives one. */
export function stepWithLedger(
  life: StationLife,
  ledger: Ledger,
  event: LifeEvent,
  clock: LifeClock,
): readonly LifeEffect[] {
  const { nowMs } = clock;
  // The life ignores what arrives for a link it is cutting, and so does the ledger.
  if (event.type === 'opened' && life.link.phase === 'connecting') noteOpened(ledger, nowMs, event.version);
  if (event.type === 'closed') noteClosed(ledger, nowMs);
  if (event.type === 'text' && life.link.phase === 'open') noteText(ledger, 'received', nowMs, event.text);
  const effects = stepLife(life, event, clock);
  for (const effect of effects) {
    if (effect.type === 'send') noteText(ledger, 'sent', nowMs, effect.text);
    if (effect.type === 'discarded') noteText(ledger, 'discarded', nowMs, effect.text);
    if (effect.type === 'close' || effect.type === 'terminate') noteClosed(ledger, nowMs);
  }
  return effects;
}

/** Steps a backend's view of one station and writes what happened into the ledger it keeps of that station. */
export function stepBackendWithLedger(
  peer: BackendStation,
  ledger: Ledger,
  event: BackendEvent,
  clock: LifeClock,
): readonly BackendEffect[] {
  const { nowMs } = clock;
  if (event.type === 'opened') noteOpened(ledger, nowMs, event.version);
  if (event.type === 'closed') noteClosed(ledger, nowMs);
  if (event.type === 'text' && peer.isOpen) noteText(ledger, 'received', nowMs, event.text);
  const effects = stepBackend(peer, event, clock);
  for (const effect of effects) {
    if (effect.type === 'send') noteText(ledger, 'sent', nowMs, effect.text);
    else noteClosed(ledger, nowMs);
  }
  return effects;
}

/** The calls that went one way, each with its answers. */
export interface Exchanges {
  readonly exchanges: readonly Exchange[];
  /** Answers to nothing that was asked. */
  readonly strays: readonly LedgerText[];
}

/** What was found in a ledger of that length; every checker asks for it. */
const known = {
  sent: new WeakMap<Ledger, Exchanges & { readonly entries: number }>(),
  received: new WeakMap<Ledger, Exchanges & { readonly entries: number }>(),
};

/** `sent`: the calls that are the ledger owner's own; `received`: those of its peer. */
export function exchangesOf(ledger: Ledger, calls: 'sent' | 'received'): Exchanges {
  const before = known[calls].get(ledger);
  if (before?.entries === ledger.entries.length) return before;
  const found = { ...findExchanges(ledger, calls), entries: ledger.entries.length };
  known[calls].set(ledger, found);
  return found;
}

function findExchanges(ledger: Ledger, calls: 'sent' | 'received'): Exchanges {
  const answers = calls === 'sent' ? 'received' : 'sent';
  const exchanges: Exchange[] = [];
  const strays: LedgerText[] = [];
  const byId = new Map<string, Exchange>();
  let { version } = ledger;
  for (const [place, entry] of ledger.entries.entries()) {
    if (entry.type === 'opened') ({ version } = entry);
    if (entry.type !== calls && entry.type !== answers) continue;
    const message = readMessage(entry.text);
    if (message === null) continue;
    const { link, text, atMs } = entry;
    const key = `${link} ${message.id}`;
    if (entry.type === calls && message.type === 2) {
      const exchange: Exchange = { link, version, message, text, atMs, place, answers: [] };
      exchanges.push(exchange);
      byId.set(key, exchange);
    } else if (entry.type === answers && (message.type === 3 || message.type === 4)) {
      const exchange = byId.get(key);
      if (exchange === undefined) strays.push(entry);
      else exchange.answers.push({ message, text, atMs, place });
    }
  }
  return { exchanges, strays };
}

export type LedgerText = Extract<LedgerEntry, { text: string }>;

/** The texts of one direction, in order. */
export function textsOf(ledger: Ledger, type: 'sent' | 'received' | 'discarded'): LedgerText[] {
  return ledger.entries.filter((entry): entry is LedgerText => entry.type === type);
}

/** When each link closed, in a ledger of that length. */
const closings = new WeakMap<
  Ledger,
  { readonly atMs: ReadonlyMap<number, number>; readonly entries: number }
>();

/** When a link closed, by this peer's clock; Infinity while it is open. */
export function closedAtMs(ledger: Ledger, link: number): number {
  let found = closings.get(ledger);
  if (found?.entries !== ledger.entries.length) {
    const atMs = new Map<number, number>();
    for (const entry of ledger.entries)
      if (entry.type === 'closed' && !atMs.has(entry.link)) atMs.set(entry.link, entry.atMs);
    found = { atMs, entries: ledger.entries.length };
    closings.set(ledger, found);
  }
  return found.atMs.get(link) ?? Infinity;
}
