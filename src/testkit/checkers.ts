/**
 * What must hold of a gateway, told from outside: by the stations' ledgers and the backends' ledgers alone.
 *
 * Pure. Each checker returns what it found wrong, with enough to debug it; an empty list means that the claim held. Those that need the
 * journal are in journal-checkers.ts. None of them decodes a frame with the code it checks.
 */
import { isGuaranteed } from '../protocol/actions.ts';
import type { OcppVersion } from '../protocol/version.ts';
import { closedAtMs, exchangesOf, textsOf, type Exchange, type Ledger } from './ledger.ts';
import { isReplay } from './replays.ts';
import { contentOf, readMessage } from './read-once.ts';
import { record, type Message } from './wire.ts';

export interface Evidence {
  /** Station's name (as backends know it) -> the station's ledger. */
  readonly stations: ReadonlyMap<string, Ledger>;
  /** Backend's name -> station's name -> the backend's ledger of that station. */
  readonly backends: ReadonlyMap<string, ReadonlyMap<string, Ledger>>;
}

/** The claim's name in ARCHITECTURE.md's invariants (D1, S7, …), or `order` and `duplicates`. */
export interface Violation {
  readonly rule: string;
  readonly station: string;
  readonly message: string;
  /** The texts concerned, whole. */
  readonly texts: readonly string[];
}

export interface AnswerRules {
  /** A call is unanswered when its link was up this much longer. */
  readonly answerWithinMs: number;
  /** The station's clock when the ledgers were read. */
  readonly endMs: number;
}

/** D4: every call of a station on a link that stayed open is answered exactly once, in time, and an error for a transaction message is a backend's own. */
export function checkAnswers(evidence: Evidence, rules: AnswerRules): Violation[] {
  const found: Violation[] = [];
  for (const [station, ledger] of evidence.stations) {
    // A set: one error of a backend answers a message and its repetition alike.
    const backendErrors = new Set(
      backendTexts(evidence, station, 'sent')
        .filter((text) => readMessage(text)?.type === 4)
        .map(contentOf),
    );
    for (const exchange of exchangesOf(ledger, 'sent').exchanges) {
      const [first, second] = exchange.answers;
      const { action } = exchange.message;
      const upMs = Math.min(closedAtMs(ledger, exchange.link), rules.endMs) - exchange.atMs;
      if (first === undefined && upMs > rules.answerWithinMs) {
        found.push(
          violation(
            'D4',
            station,
            `${action} was not answered while its link was up for ${Math.round(upMs)} ms`,
            [exchange.text],
          ),
        );
      }
      if (first !== undefined && first.atMs - exchange.atMs > rules.answerWithinMs) {
        found.push(
          violation(
            'D4',
            station,
            `${action} was answered after ${Math.round(first.atMs - exchange.atMs)} ms`,
            [exchange.text, first.text],
          ),
        );
      }
      if (second !== undefined) {
        found.push(
          violation('D4', station, `${action} was answered ${exchange.answers.length} times`, [
            exchange.text,
            ...exchange.answers.map(({ text }) => text),
          ]),
        );
      }
      const error = exchange.answers.find(({ message }) => message.type === 4);
      if (
        error !== undefined &&
        isGuaranteed(exchange.version, action) &&
        !backendErrors.has(contentOf(error.text))
      ) {
        found.push(
          violation('D4', station, `${action} got a CALLERROR that no backend sent`, [
            exchange.text,
            error.text,
          ]),
        );
      }
    }
  }
  return found;
}

/** D2, the part a ledger can tell: what a station was told is taken has reached a backend. `parked`: what an operator is asked about instead, as contents. */
export function checkDelivered(evidence: Evidence, parked: ReadonlySet<string> = new Set()): Violation[] {
  const found: Violation[] = [];
  for (const [station, ledger] of evidence.stations) {
    const arrived = new Set(backendTexts(evidence, station, 'received').map(contentOf));
    for (const exchange of guaranteedCalls(ledger)) {
      const isTaken = exchange.answers.some(({ message }) => message.type === 3);
      const content = contentOf(exchange.text);
      if (isTaken && !arrived.has(content) && !parked.has(content)) {
        found.push(
          violation(
            'D2',
            station,
            `${exchange.message.action} was answered with a result and reached no backend`,
            [exchange.text],
          ),
        );
      }
    }
  }
  return found;
}

export interface IdentityRules {
  /** What the gateway may write itself: CALLERRORs (for a malformed call, a command that got no answer), its answers, its own commands; by default nothing. */
  readonly isOwnError?: (text: string) => boolean;
}

/** D6: whatever one side received, the other side sent, to the byte, but for the message id; a backend may also be told again what the station said before. */
export function checkIdentity(evidence: Evidence, rules: IdentityRules = {}): Violation[] {
  const found = checkHeard(evidence, rules);
  for (const [station, ledger] of evidence.stations) {
    const fromBackends = new Set(backendTexts(evidence, station, 'sent').map(contentOf));
    for (const { text } of textsOf(ledger, 'received')) {
      if (!fromBackends.has(contentOf(text)) && !isOwnAnswer(text, rules)) {
        found.push(violation('D6', station, 'the station received what no backend sent', [text]));
      }
    }
  }
  return found;
}

/** The half of D6 that backends can tell: what they received. */
export function checkHeard(evidence: Evidence, rules: IdentityRules = {}): Violation[] {
  const found: Violation[] = [];
  for (const station of stationNames(evidence)) {
    const ledger = evidence.stations.get(station);
    const fromStation = new Set(
      ledger === undefined ? [] : textsOf(ledger, 'sent').map(({ text }) => contentOf(text)),
    );
    const isToldAgain = ledger === undefined ? never : toldAgainBy(ledger);
    for (const text of backendTexts(evidence, station, 'received')) {
      const isSaid = fromStation.has(contentOf(text)) || fromStation.has(contentOf(asOfStation(text)));
      if (!isSaid && !isOwnAnswer(text, rules) && !isToldAgain(text)) {
        found.push(violation('D6', station, 'a backend received what the station did not send', [text]));
      }
    }
  }
  return found;
}

/** What the station says is not in its queue may be in Busbar's, and the backend that asks is told so (2.x E14). */
function asOfStation(text: string): string {
  return text.replace(/("messagesInQueue": ?)true/, '$1false');
}

function isOwnAnswer(text: string, { isOwnError }: IdentityRules): boolean {
  return readMessage(text) !== null && isOwnError?.(text) === true;
}

/** Of a station that has said nothing, nothing can be told again. */
function never(): boolean {
  return false;
}

/** Tells what the station has said before, which is read once, and only where something is to be found in it. */
function toldAgainBy(station: Ledger): (text: string) => boolean {
  let said: readonly Message[] | null = null;
  const saidBefore = (): readonly Message[] =>
    (said ??= textsOf(station, 'sent').flatMap(({ text }) => readMessage(text) ?? []));
  return (text) => {
    const call = readMessage(text);
    return call !== null && isReplay(call, saidBefore);
  };
}

/** What only the station and Busbar are to know reaches no backend, however it is written around. */
export function checkSecrets(evidence: Evidence, secret: string): Violation[] {
  return [...evidence.backends].flatMap(([backend, ledgers]) =>
    [...ledgers].flatMap(([station, ledger]) =>
      textsOf(ledger, 'received')
        .filter(({ text }) => text.includes(secret))
        .map(({ text }) =>
          violation('secrets', station, `${backend} was shown the station’s password`, [text]),
        ),
    ),
  );
}

/** A message of 1.6 means nothing on a link of 2.x, nor the other way round: what a station said reaches a backend in the version it was said in, or not at all. */
export function checkVersions(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [station, source] of evidence.stations) {
    const opened = source.entries.flatMap((entry) => (entry.type === 'opened' ? [entry] : []));
    if (new Set(opened.map(is16)).size < 2) continue;
    const said = Map.groupBy(exchangesOf(source, 'sent').exchanges, ({ text }) => contentOf(text));
    for (const [backend, ledgers] of evidence.backends) {
      const ledger = ledgers.get(station);
      for (const { version, message, text } of ledger === undefined
        ? []
        : exchangesOf(ledger, 'received').exchanges) {
        // It is the same in all of them, and may be Busbar's own.
        if (message.action === 'Heartbeat') continue;
        const same = said.get(contentOf(text));
        if (same === undefined || same.some((each) => is16(each) === is16({ version }))) continue;
        found.push(
          violation('versions', station, `${backend} got in ${version} what was said in another`, [text]),
        );
      }
    }
  }
  return found;
}

function is16({ version }: { readonly version: OcppVersion }): boolean {
  return version === 'ocpp1.6';
}

export interface SlotRules {
  /** Who gives up on an unanswered call after this time may send the next one. */
  readonly callTimeoutMs: number;
}

/** S1: as each peer saw it, no call came while another of the same link was unanswered. */
export function checkOneOutstanding(evidence: Evidence, rules: SlotRules): Violation[] {
  return allLedgers(evidence).flatMap(({ ledger, owner }) => {
    const found: Violation[] = [];
    let before: Exchange | null = null;
    /** Of each call on the link: where it was first answered. One that is sent again is the same call, and its sender takes the answer to the first for the answer to both. */
    const firstAnswers = new Map<string, number>();
    for (const exchange of exchangesOf(ledger, 'received').exchanges) {
      if (before?.link !== exchange.link) firstAnswers.clear();
      const answeredAt = before === null ? Infinity : (firstAnswers.get(before.text) ?? Infinity);
      const isOpen = before !== null && before.link === exchange.link && answeredAt > exchange.place;
      if (before !== null && isOpen && exchange.atMs - before.atMs < rules.callTimeoutMs) {
        found.push(
          violation(
            'S1',
            ledger.station,
            `${owner} was sent a call while another was unanswered on link ${exchange.link}`,
            [before.text, exchange.text],
          ),
        );
      }
      const { text, answers } = exchange;
      firstAnswers.set(text, Math.min(firstAnswers.get(text) ?? Infinity, answers[0]?.place ?? Infinity));
      before = exchange;
    }
    return found;
  });
}

/** S7: an answer arrives on the link that asked, and answers something that was asked there. */
export function checkLinks(evidence: Evidence): Violation[] {
  return allLedgers(evidence).flatMap(({ ledger, owner }) =>
    exchangesOf(ledger, 'sent')
      .strays.filter(({ text }) => readMessage(text)?.id !== '-1')
      .map(({ link, text }) =>
        violation(
          'S7',
          ledger.station,
          `${owner} got an answer on link ${link} that matches no call sent on that link`,
          [text],
        ),
      ),
  );
}

export interface OrderRules {
  /** A message that a backend refused holds up its own transaction alone: others may pass it. */
  readonly perTransaction: boolean;
}

/** Order: each backend gets a station's transaction messages in the order in which the station first sent them. */
export function checkOrder(
  evidence: Evidence,
  { perTransaction }: OrderRules = { perTransaction: false },
): Violation[] {
  const found: Violation[] = [];
  for (const [backend, ledgers] of evidence.backends) {
    for (const [station, ledger] of ledgers) {
      const source = evidence.stations.get(station);
      if (source === undefined) continue;
      const places = placesOf(guaranteedCalls(source));
      const last = new Map<string, { readonly place: number; readonly content: string }>();
      for (const content of distinct(guaranteedCalls(ledger, 'received'))) {
        const sent = places.get(content);
        if (sent === undefined) continue;
        const line = perTransaction ? sent.transaction : '';
        const before = last.get(line);
        if (before !== undefined && sent.place < before.place)
          found.push(
            violation('order', station, `${backend} got a transaction message after a later one`, [
              before.content,
              content,
            ]),
          );
        last.set(line, { place: sent.place, content });
      }
    }
  }
  return found;
}

/** By content: where a message stood when it was first sent, and what the station calls its transaction. */
function placesOf(
  calls: readonly Exchange[],
): Map<string, { readonly place: number; readonly transaction: string }> {
  const places = new Map<string, { readonly place: number; readonly transaction: string }>();
  for (const [place, { message, text, answers }] of calls.entries()) {
    const { payload } = message;
    const named =
      record(payload['transactionInfo'])['transactionId'] ??
      payload['transactionId'] ??
      answers[0]?.message.payload['transactionId'];
    const content = contentOf(text);
    // What belongs to no transaction stands alone.
    const transaction = named === undefined ? content : JSON.stringify(named);
    const before = places.get(content);
    if (before === undefined) places.set(content, { place, transaction });
    else if (before.transaction === content) places.set(content, { ...before, transaction });
  }
  return places;
}

export interface DuplicateRules {
  /** How often the gateway was killed: each may cost one re-send per station (D2). */
  readonly kills: number;
}

/** Duplicates: a transaction message reaches the backends as often as the station sent it, and once more per kill, with the same id and bytes; under another id only where it was refused. */
export function checkDuplicates(evidence: Evidence, rules: DuplicateRules): Violation[] {
  const found: Violation[] = [];
  for (const station of stationNames(evidence)) {
    const source = evidence.stations.get(station);
    const sent = countOf(source === undefined ? [] : guaranteedCalls(source));
    const texts = new Map<string, string[]>();
    const refusals = new Map<string, number>();
    for (const { text, answers } of backendCalls(evidence, station)) {
      const content = contentOf(text);
      texts.set(content, [...(texts.get(content) ?? []), text]);
      if (answers.some(({ message }) => message.type === 4))
        refusals.set(content, (refusals.get(content) ?? 0) + 1);
    }
    let resent = 0;
    for (const [content, arrived] of texts) {
      const extra = arrived.length - (sent.get(content) ?? 0);
      if (extra <= 0) continue;
      resent += extra;
      const ids = new Set(arrived).size;
      if (ids > (sent.get(content) ?? 0) + (refusals.get(content) ?? 0)) {
        found.push(
          violation(
            'duplicates',
            station,
            `a message sent ${sent.get(content) ?? 0} times arrived ${arrived.length} times under ${ids} ids`,
            arrived,
          ),
        );
      }
    }
    if (resent > rules.kills) {
      const many = [...texts.values()].filter((arrived) => arrived.length > 1).flat();
      found.push(violation('duplicates', station, `${resent} re-sends with ${rules.kills} kills`, many));
    }
  }
  return found;
}

export interface Bound {
  readonly name: string;
  /** The most that was ever seen in it. */
  readonly highest: number;
  readonly bound: number;
}

/** S8: nothing grew past its named bound, and every bound is a number. */
export function checkBounds(bounds: readonly Bound[]): Violation[] {
  return bounds
    .filter(({ highest, bound }) => !(highest <= bound) || !Number.isFinite(bound))
    .map(({ name, highest, bound }) =>
      violation('S8', '', `${name} reached ${highest}, its bound is ${bound}`, []),
    );
}

/** What stations threw away: billing data lost for ever. */
export function checkDiscarded(evidence: Evidence): Violation[] {
  return [...evidence.stations].flatMap(([station, ledger]) =>
    textsOf(ledger, 'discarded').map(({ text }) =>
      violation('D4', station, 'the station threw a transaction message away', [text]),
    ),
  );
}

/** One line per violation, cut short, for a test's message. */
export function describeViolations(violations: readonly Violation[]): string {
  const lines = violations.slice(0, 10).map(({ rule, station, message, texts }) => {
    return `${rule} ${station}: ${message}\n${texts
      .slice(0, 4)
      .map((text) => `    ${text.slice(0, 300)}`)
      .join('\n')}`;
  });
  return violations.length > 10
    ? `${lines.join('\n')}\n… and ${violations.length - 10} more`
    : lines.join('\n');
}

export function violation(
  rule: string,
  station: string,
  message: string,
  texts: readonly string[],
): Violation {
  return { rule, station, message, texts };
}

/** A multiset of texts. */
export class Bag {
  readonly #counts = new Map<string, number>();

  constructor(texts: Iterable<string>) {
    for (const text of texts) this.#counts.set(text, (this.#counts.get(text) ?? 0) + 1);
  }

  /** Takes one out; false when there is none left. */
  take(text: string): boolean {
    const count = this.#counts.get(text) ?? 0;
    if (count === 0) return false;
    this.#counts.set(text, count - 1);
    return true;
  }
}

/** Calls that the station must not lose: its transaction messages and security events. */
export function guaranteedCalls(ledger: Ledger, calls: 'sent' | 'received' = 'sent'): Exchange[] {
  return exchangesOf(ledger, calls).exchanges.filter(({ version, message }) =>
    isGuaranteed(version, message.action),
  );
}

function backendCalls(evidence: Evidence, station: string): Exchange[] {
  return [...evidence.backends.values()].flatMap((ledgers) => {
    const ledger = ledgers.get(station);
    return ledger === undefined ? [] : guaranteedCalls(ledger, 'received');
  });
}

function backendTexts(evidence: Evidence, station: string, type: 'sent' | 'received'): string[] {
  return [...evidence.backends.values()].flatMap((ledgers) => {
    const ledger = ledgers.get(station);
    return ledger === undefined ? [] : textsOf(ledger, type).map(({ text }) => text);
  });
}

function allLedgers(evidence: Evidence): { ledger: Ledger; owner: string }[] {
  const stations = [...evidence.stations.values()].map((ledger) => ({ ledger, owner: 'the station' }));
  const backends = [...evidence.backends].flatMap(([name, ledgers]) =>
    [...ledgers.values()].map((ledger) => ({ ledger, owner: `backend ${name}` })),
  );
  return [...stations, ...backends];
}

function stationNames(evidence: Evidence): Set<string> {
  const names = new Set(evidence.stations.keys());
  for (const ledgers of evidence.backends.values()) for (const name of ledgers.keys()) names.add(name);
  return names;
}

function distinct(exchanges: readonly Exchange[]): string[] {
  return [...new Set(exchanges.map(({ text }) => contentOf(text)))];
}

function countOf(exchanges: readonly Exchange[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { text } of exchanges) counts.set(contentOf(text), (counts.get(contentOf(text)) ?? 0) + 1);
  return counts;
}
