/**
 * What became of stations while their backends were away, told from the ledgers alone: who was answered, what Busbar held, what arrived.
 *
 * A message counts as held when its station was told that it is taken before its backend had said so, or in other words than the backend's: what is held may be
 * delivered at once, while the answer to its station waits for the disk.
 */
import { guaranteedCalls, violation, type Violation } from '../testkit/checkers.ts';
import { exchangesOf, textsOf, type Exchange, type Ledger } from '../testkit/ledger.ts';
import { contentOf } from '../testkit/read-once.ts';
import { transactionsOf } from '../testkit/told-transactions.ts';
import { record } from '../testkit/wire.ts';

type Ledgers = ReadonlyMap<string, Ledger>;

/** By the clock of the ledgers. */
export interface Outage {
  readonly downAtMs: number;
  readonly upAtMs: number;
}

/** The stations of one backend, through an outage of it. */
export interface OutageAccount {
  readonly stations: number;
  /** Stations whose link stayed open all the while. */
  readonly connected: number;
  /** Calls that were answered while the backend was away. */
  readonly answered: number;
  /** Verdicts on tokens among these answers. */
  readonly accepted: number;
  readonly refused: number;
  /** Transaction messages that Busbar held, and those of them that the backend has since taken, once each. */
  readonly held: number;
  readonly delivered: number;
  /** Sessions that began and ended while the backend was away, and those of them that it has since got whole, in order, each message once. */
  readonly sessions: number;
  readonly whole: number;
  /** Held messages that are not there exactly once, and sessions that are not whole. */
  readonly violations: readonly Violation[];
  /** Answers that may be of no backend: those of held messages, and those while there was no link to it. */
  readonly ownAnswers: ReadonlySet<string>;
  /** By station and content. */
  readonly heldContents: ReadonlySet<string>;
}

/** An answer that was on its way when a link opened. */
const underwayMs = 250;

/** `untilMs`: later the stations were another backend's, and what they said is not looked at. */
export function accountOf(
  stations: Ledgers,
  backend: Ledgers,
  outage: Outage,
  untilMs: number = Infinity,
): OutageAccount {
  const ones = [...stations].map(([station, ledger]) =>
    accountOfStation(station, ledger, backend.get(station) ?? null, outage, untilMs),
  );
  const sum = (count: (one: StationAccount) => number): number =>
    ones.reduce((total, one) => total + count(one), 0);
  return {
    stations: ones.length,
    connected: ones.filter(({ isConnected }) => isConnected).length,
    answered: sum(({ verdicts }) => verdicts.length),
    accepted: sum(({ verdicts }) => verdicts.filter((verdict) => verdict === 'Accepted').length),
    refused: sum(
      ({ verdicts }) => verdicts.filter((verdict) => verdict !== null && verdict !== 'Accepted').length,
    ),
    held: sum(({ held }) => held.length),
    delivered: sum(({ delivered }) => delivered),
    sessions: sum(({ sessions }) => sessions),
    whole: sum(({ whole }) => whole),
    violations: ones.flatMap(({ violations }) => violations),
    ownAnswers: new Set(ones.flatMap(({ ownAnswers }) => ownAnswers)),
    heldContents: new Set(
      ones.flatMap(({ station, held }) => held.map((content) => `${station} ${content}`)),
    ),
  };
}

interface StationAccount {
  readonly station: string;
  readonly isConnected: boolean;
  /** One for each answer: its verdict on a token, null where it is about none. */
  readonly verdicts: readonly (string | null)[];
  /** Contents. */
  readonly held: readonly string[];
  readonly delivered: number;
  readonly sessions: number;
  readonly whole: number;
  readonly violations: readonly Violation[];
  readonly ownAnswers: readonly string[];
}

function accountOfStation(
  station: string,
  ledger: Ledger,
  backend: Ledger | null,
  { downAtMs, upAtMs }: Outage,
  untilMs: number,
): StationAccount {
  const taken = backend === null ? new Map<string, Taken>() : takenBy(backend);
  const calls = guaranteedCalls(ledger).filter(({ atMs }) => atMs < untilMs);
  const heldCalls = calls.filter((call) => isHeld(call, taken));
  const held = [...new Set(heldCalls.map(({ text }) => contentOf(text)))];
  const arrived = held.filter((content) => taken.get(content)?.times === 1);
  const meanwhile = exchangesOf(ledger, 'sent').exchanges.filter(({ answers: [answer] }) =>
    isWithin(answer?.atMs, downAtMs, upAtMs),
  );
  const backAtMs = (linkAfter(backend, upAtMs) ?? Infinity) + underwayMs;
  const sessions = transactionsOf(ledger)
    .filter(({ endedAtMs }) => endedAtMs !== null)
    .map((transaction) => transaction.calls)
    .filter((session) => isDuring(session, downAtMs, upAtMs));
  const broken = sessions.filter((session) => !isWhole(session, taken));
  return {
    station,
    isConnected: !ledger.entries.some(
      ({ type, atMs }) => (type === 'closed' || type === 'opened') && isWithin(atMs, downAtMs, upAtMs),
    ),
    verdicts: meanwhile.map(verdictOf),
    held,
    delivered: arrived.length,
    sessions: sessions.length,
    whole: sessions.length - broken.length,
    violations: [
      ...held
        .filter((content) => taken.get(content)?.times !== 1)
        .map((content) =>
          violation('held', station, `a held message was taken ${taken.get(content)?.times ?? 0} times`, [
            content,
          ]),
        ),
      ...broken.map((session) =>
        violation(
          'held',
          station,
          'a session of the outage did not arrive whole and in order',
          session.map(({ text }) => text),
        ),
      ),
    ],
    ownAnswers: [
      ...heldCalls.flatMap(({ answers }) => answers.map(({ text }) => text)),
      ...textsOf(ledger, 'received')
        .filter(({ atMs }) => isWithin(atMs, downAtMs, backAtMs))
        .map(({ text }) => text),
    ],
  };
}

/** How a backend took a message: when first, how often, and as the how manyth. */
interface Taken {
  readonly atMs: number;
  /** The first answer, without its id. */
  readonly answer: string;
  readonly times: number;
  readonly place: number;
}

/** By content: what this backend answered with a result. */
function takenBy(backend: Ledger): Map<string, Taken> {
  const taken = new Map<string, Taken>();
  for (const { text, place, answers } of guaranteedCalls(backend, 'received')) {
    const answer = answers.find(({ message }) => message.type === 3);
    if (answer === undefined) continue;
    const content = contentOf(text);
    const before = taken.get(content);
    const first = before ?? { atMs: answer.atMs, answer: payloadOf(answer), place };
    taken.set(content, { ...first, times: (before?.times ?? 0) + 1 });
  }
  return taken;
}

function isHeld({ text, answers }: Exchange, taken: ReadonlyMap<string, Taken>): boolean {
  const answer = answers.find(({ message }) => message.type === 3);
  if (answer === undefined) return false;
  const one = taken.get(contentOf(text));
  return one === undefined || one.atMs > answer.atMs || one.answer !== payloadOf(answer);
}

function payloadOf({ message }: Exchange['answers'][number]): string {
  return JSON.stringify(message.payload);
}

/** From its first word to the answer to its last. */
function isDuring(session: readonly Exchange[], fromMs: number, toMs: number): boolean {
  return (
    isWithin(session.at(0)?.atMs, fromMs, toMs) && isWithin(session.at(-1)?.answers[0]?.atMs, fromMs, toMs)
  );
}

function isWhole(session: readonly Exchange[], taken: ReadonlyMap<string, Taken>): boolean {
  let last = -1;
  return session.every(({ text }) => {
    const one = taken.get(contentOf(text));
    const isNext = one?.times === 1 && one.place > last;
    last = one?.place ?? last;
    return isNext;
  });
}

function verdictOf({ answers: [answer] }: Exchange): string | null {
  const { payload } = answer?.message ?? { payload: {} };
  const info = record(record(payload)['idTagInfo'] ?? record(payload)['idTokenInfo']);
  return typeof info['status'] === 'string' ? info['status'] : null;
}

/** When the backend's next link opened. */
function linkAfter(ledger: Ledger | null, afterMs: number): number | undefined {
  return ledger?.entries.find(({ type, atMs }) => type === 'opened' && atMs >= afterMs)?.atMs;
}

function isWithin(atMs: number | undefined, fromMs: number, toMs: number): boolean {
  return atMs !== undefined && atMs >= fromMs && atMs <= toMs;
}
