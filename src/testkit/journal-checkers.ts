/**
 * What must hold between the journal and the ledgers: nothing that was answered is missing from it, and its books add up.
 *
 * Pure. Takes the journal as decoded records with their positions, oldest first.
 */
import { isGuaranteed } from '../protocol/actions.ts';
import { framesOf, type JournalFrame } from '../core/journal/frame-view.ts';
import type { FrameRecord, JournalRecord, LinkName, SentRecord } from '../core/journal/record.ts';
import { Bag, violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf, textsOf, type Ledger } from './ledger.ts';
import { contentOf } from './read-once.ts';

export type JournalEntry = { readonly position: number; readonly record: JournalRecord };

export interface DurabilityRules {
  /** After a crash only what had to be on disk can be asked for; without one, every call that was answered. */
  readonly calls: 'guaranteed' | 'all';
}

/** D1: every call that a station got an answer to is in the journal, and so is that answer. */
export function checkDurable(
  evidence: Evidence,
  journal: readonly JournalEntry[],
  rules: DurabilityRules,
): Violation[] {
  const frames = framesByStation(journal);
  const found: Violation[] = [];
  for (const [station, ledger] of evidence.stations) {
    const onStation = (frames.get(station) ?? []).filter(({ link }) => link === 'station');
    const received = new Bag(onStation.filter(({ direction }) => direction === 'in').map(({ text }) => text));
    const answered = new Bag(
      onStation.filter(({ direction }) => direction === 'out').map(({ text }) => text),
    );
    for (const exchange of exchangesOf(ledger, 'sent').exchanges) {
      const { action } = exchange.message;
      const answer = exchange.answers[0];
      if (answer === undefined || (rules.calls === 'guaranteed' && !isGuaranteed(ledger.version, action)))
        continue;
      if (!received.take(exchange.text)) {
        found.push(
          violation('D1', station, `${action} was answered and is not in the journal`, [
            exchange.text,
            answer.text,
          ]),
        );
      }
      if (!answered.take(answer.text)) {
        found.push(
          violation('D1', station, `the answer to ${action} is not in the journal`, [
            exchange.text,
            answer.text,
          ]),
        );
      }
    }
  }
  return found;
}

export interface AccountingRules {
  /** Calls that are still waiting in the gateway now, by station: none once all is quiet. */
  readonly queued?: ReadonlyMap<string, number>;
  /** The gateway was killed: what its last commit did not hold is in no book, and what was on its way is lost. */
  readonly wasKilled?: boolean;
  /** Busbar may answer a call that a backend has, or that waits for one: the call is booked as relayed or queued, and its answer as Busbar's. */
  readonly covers?: boolean;
}

/** D7: everything that came in was sent on, or left the books for a reason; and what the journal says was sent has arrived. */
export function checkAccounts(
  evidence: Evidence,
  journal: readonly JournalEntry[],
  rules: AccountingRules = {},
): Violation[] {
  const frames = framesByStation(journal);
  const found: Violation[] = rules.wasKilled === true ? [] : checkQueues(journal, rules);
  for (const [station, ledger] of evidence.stations) {
    const own = frames.get(station) ?? [];
    found.push(...checkLink(station, 'station', ledger, own, journal, rules));
    for (const [name, ledgers] of evidence.backends) {
      const ofBackend = ledgers.get(station);
      if (ofBackend !== undefined)
        found.push(...checkLink(station, `backend:${name}`, ofBackend, own, journal, rules));
    }
  }
  return found;
}

/** One link's books against its peer's ledger, both ways. */
function checkLink(
  station: string,
  link: LinkName,
  peer: Ledger,
  frames: readonly JournalFrame[],
  journal: readonly JournalEntry[],
  rules: AccountingRules,
): Violation[] {
  const found: Violation[] = [];
  const onLink = frames.filter((frame) => frame.link === link);
  const sent = new Bag(textsOf(peer, 'sent').map(({ text }) => text));
  for (const { direction, text } of onLink) {
    if (direction === 'in' && !sent.take(text))
      found.push(
        violation('D7', station, `the journal has a frame from ${link} that was never sent`, [text]),
      );
  }
  const received = new Bag(textsOf(peer, 'received').map(({ text }) => text));
  const lastClosed = lastClosedPosition(journal, station, link);
  for (const { direction, text, position } of onLink) {
    if (direction !== 'out' || received.take(text)) continue;
    // What was sent shortly before its link closed may have been lost on the wire.
    if (position > lastClosed && rules.wasKilled !== true)
      found.push(
        violation('D7', station, `the journal says this was sent on ${link}, where it did not arrive`, [
          text,
        ]),
      );
  }
  if (rules.wasKilled === true) return found;
  const booked = new Bag(onLink.filter(({ direction }) => direction === 'out').map(({ text }) => text));
  for (const { text } of textsOf(peer, 'received')) {
    if (!booked.take(text))
      found.push(violation('D7', station, `a frame arrived from ${link} that is not in the journal`, [text]));
  }
  return found;
}

/** Calls that were queued were sent, dropped for a reason, or are still queued. What Busbar answers itself has a `sent` record too. */
function checkQueues(journal: readonly JournalEntry[], { queued, covers }: AccountingRules): Violation[] {
  const passedOn = new Set<string>();
  const books = new Map<string, { calls: number; answers: number; texts: Map<string, number> }>();
  for (const { record } of journal) {
    if (record.type !== 'frame' && record.type !== 'sent' && record.type !== 'dropped') continue;
    if (record.type === 'sent' && record.purpose !== 'relay') continue;
    const book = books.get(record.station) ?? { calls: 0, answers: 0, texts: new Map<string, number>() };
    books.set(record.station, book);
    const isCall = record.type === 'dropped' || record.kind === 'call' || record.kind === 'send';
    if (record.type === 'dropped') book.calls -= 1;
    else if (record.type === 'sent' && isCall) {
      book.calls -= 1;
      count(book.texts, contentOf(record.text), -1);
    } else if (record.type === 'sent') {
      // The answer to what was booked as answered, or to a reply that was rewritten, follows that at once.
      const isCover = covers === true && book.answers === 0 && passedOn.has(callOf(record));
      if (!isCover) book.answers -= 1;
    }
    if (record.type !== 'frame') continue;
    if (isCall && record.link === 'station' && !isAnsweredHere(record)) passedOn.add(callOf(record));
    if (record.outcome === 'rewritten' && !isCall) book.answers += 1;
    else if (record.outcome === 'queued' || record.outcome === 'rewritten') {
      book.calls += 1;
      count(book.texts, contentOf(record.text), 1);
    } else if (isAnsweredHere(record)) book.answers += 1;
  }
  const found: Violation[] = [];
  for (const [station, { calls, answers, texts }] of books) {
    const waiting = queued?.get(station) ?? 0;
    const open = [...texts].filter(([, left]) => left !== 0).map(([text]) => text);
    if (calls !== waiting) {
      found.push(
        violation(
          'D7',
          station,
          `of the queued calls ${calls} were neither sent nor dropped, ${waiting} are still queued`,
          open,
        ),
      );
    }
    const invented = [...texts].filter(([, left]) => left < 0).map(([text]) => text);
    if (invented.length > 0)
      found.push(violation('D7', station, 'a call was sent that was never queued', invented));
    if (answers !== 0)
      found.push(
        violation('D7', station, `${answers} frames are booked as answered by Busbar without an answer`, []),
      );
  }
  return found;
}

/** Busbar wrote the answer in the same step. */
function isAnsweredHere({ outcome }: FrameRecord): boolean {
  return outcome === 'answered' || outcome === 'covered';
}

/** Names the call that this is, or answers. */
function callOf({ station, link, text, idStart, idEnd }: FrameRecord | SentRecord): string {
  return `${station} ${link} ${text.slice(idStart, idEnd)}`;
}

function count(counts: Map<string, number>, text: string, by: number): void {
  counts.set(text, (counts.get(text) ?? 0) + by);
}

function lastClosedPosition(journal: readonly JournalEntry[], station: string, link: LinkName): number {
  let last = -1;
  for (const { position, record } of journal) {
    if (
      record.type === 'link' &&
      record.station === station &&
      record.link === link &&
      record.change === 'closed'
    )
      last = position;
  }
  return last;
}

function framesByStation(journal: readonly JournalEntry[]): Map<string, JournalFrame[]> {
  const byStation = new Map<string, JournalFrame[]>();
  for (const { record, position } of journal) {
    for (const frame of framesOf(record, position)) {
      const frames = byStation.get(frame.station);
      if (frames === undefined) byStation.set(frame.station, [frame]);
      else frames.push(frame);
    }
  }
  return byStation;
}

/** The journal says in turn of each backend that billing is at risk and that it is over, however often the gateway was killed between. */
export function checkRiskTurns(records: readonly JournalRecord[]): Violation[] {
  const atRisk = new Set<string>();
  return records.flatMap((record) => {
    if (record.type !== 'billing') return [];
    const { backend, change } = record;
    if (atRisk.has(backend) === (change === 'over')) {
      if (change === 'over') atRisk.delete(backend);
      else atRisk.add(backend);
      return [];
    }
    return [violation('billing', '', `${backend}: ${change}, out of turn`, [])];
  });
}
