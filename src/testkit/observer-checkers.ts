/**
 * What must hold of a backend that listens in: it is shown all of a transaction or nothing, and nobody else notices it.
 *
 * Pure. Told from the ledgers alone, by content: numbers differ from backend to backend, readings do not.
 */
import { Bag, violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf, textsOf, type Ledger } from './ledger.ts';
import { isReplay } from './replays.ts';
import { transactionsOf } from './told-transactions.ts';
import { contentOf, readMessage } from './read-once.ts';

export interface WholeRules {
  /** From then on the observers were there, by the clock of the ledgers. */
  readonly attachedAtMs: number;
}

/** All of a transaction or nothing (H24), and all of those that began once the observer was there. `evidence.backends` are observers that receive transactions. */
export function checkWhole(evidence: Evidence, { attachedAtMs }: WholeRules): Violation[] {
  const found: Violation[] = [];
  let begun = 0;
  for (const [station, source] of evidence.stations) {
    const transactions = transactionsOf(source);
    begun += transactions.filter(({ beganAtMs }) => beganAtMs > attachedAtMs).length;
    for (const [backend, ledgers] of evidence.backends) {
      const ledger = ledgers.get(station);
      const heard = new Set(
        ledger === undefined ? [] : textsOf(ledger, 'received').map(({ text }) => contentOf(text)),
      );
      for (const { beganAtMs, calls } of transactions) {
        const missing = calls.map(({ text }) => contentOf(text)).filter((content) => !heard.has(content));
        const isLeftOut = missing.length === calls.length && beganAtMs <= attachedAtMs;
        if (missing.length === 0 || isLeftOut) continue;
        const parts = `${calls.length - missing.length} of ${calls.length} messages of a transaction`;
        found.push(violation('whole', station, `${backend} got ${parts}`, missing));
      }
    }
  }
  if (begun === 0)
    found.push(violation('whole', '', 'no transaction began once the observers were there', []));
  return found;
}

/** P1: `evidence.backends` are those that answer the station, without any observer. What a station or they got is accounted for by one another, message by message. */
export function checkUnaffected(evidence: Evidence): Violation[] {
  const found = checkCommands(evidence);
  for (const [station, source] of evidence.stations) {
    const answering = [...evidence.backends.values()].flatMap((ledgers) => ledgers.get(station) ?? []);
    found.push(...checkNumbers(station, source, answering), ...checkCalls(station, source, answering));
  }
  return found;
}

/** No command reaches a station more often than those who may command it sent it. */
function checkCommands({ stations, backends }: Evidence): Violation[] {
  return [...stations].flatMap(([station, source]) => {
    const sent = new Bag(
      [...backends.values()].flatMap((ledgers) => {
        const ledger = ledgers.get(station);
        return ledger === undefined ? [] : contentsOf(ledger, 'sent');
      }),
    );
    return textsOf(source, 'received')
      .filter(({ text }) => readMessage(text)?.type === 2 && !sent.take(contentOf(text)))
      .map(({ text }) => violation('P1', station, 'the station got a command that is of no primary', [text]));
  });
}

/** The number of a 1.6 transaction is the one that a backend which decides gave for it. */
function checkNumbers(station: string, source: Ledger, answering: readonly Ledger[]): Violation[] {
  const given = new Set(answering.flatMap((ledger) => numbersGiven(ledger, 'received')));
  return numbersGiven(source, 'sent')
    .filter((number) => !given.has(number))
    .map((number) => violation('P1', station, 'no primary gave this number for this start', [number]));
}

function numbersGiven(ledger: Ledger, calls: 'sent' | 'received'): string[] {
  return exchangesOf(ledger, calls).exchanges.flatMap(({ message, text, answers }) =>
    message.action === 'StartTransaction'
      ? answers
          .filter((answer) => answer.message.type === 3)
          .map((answer) => `${String(answer.message.payload['transactionId'])} for ${contentOf(text)}`)
      : [],
  );
}

/** No call reaches those who decide more often than the station sent it, but for what they are told again. */
function checkCalls(station: string, source: Ledger, answering: readonly Ledger[]): Violation[] {
  const sent = new Bag(contentsOf(source, 'sent'));
  const said = textsOf(source, 'sent').flatMap(({ text }) => readMessage(text) ?? []);
  return answering
    .flatMap((ledger) => textsOf(ledger, 'received'))
    .filter(({ text }) => {
      const call = readMessage(text);
      return call?.type === 2 && !sent.take(contentOf(text)) && !isReplay(call, () => said);
    })
    .map(({ text }) => violation('P1', station, 'a primary got a call more often than it was sent', [text]));
}

function contentsOf(ledger: Ledger, type: 'sent' | 'received'): string[] {
  return textsOf(ledger, type).map(({ text }) => contentOf(text));
}
