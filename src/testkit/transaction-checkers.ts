/**
 * D3 and D5: what a backend hears of a transaction, told from the ledgers alone.
 *
 * Pure.
 */
import { isGuaranteed } from '../protocol/actions.ts';
import { violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf, type Exchange } from './ledger.ts';
import { contentOf } from './read-once.ts';
import { record } from './wire.ts';

/** D3 of 2.x: whoever hears the start of a transaction hears it first, and each number after the one before it, whatever is repeated. */
export function checkSequences(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [backend, ledgers] of evidence.backends)
    for (const [station, ledger] of ledgers) {
      const heard = new Map<string, number[]>();
      for (const { message, text } of exchangesOf(ledger, 'received').exchanges) {
        if (message.action !== 'TransactionEvent') continue;
        const { payload } = message;
        const id = String(record(payload['transactionInfo'])['transactionId']);
        const numbers = heard.get(id) ?? [];
        heard.set(id, numbers);
        const number = Number(payload['seqNo']);
        if (numbers.includes(number)) continue;
        const last = numbers.at(-1);
        const isBackwards = last !== undefined && number < last;
        if (isBackwards || (payload['eventType'] === 'Started' && numbers.length > 0))
          found.push(
            violation('D3', station, `${backend} heard number ${number} of a transaction after ${last}`, [
              text,
            ]),
          );
        numbers.push(number);
      }
    }
  return found;
}

export interface RepeatRules {
  /** Each may cost one re-send per station (D2). */
  readonly kills: number;
  /** A call on the same link that came sooner after another than this shows that the other's answer was heard (S1). */
  readonly callTimeoutMs: number;
}

/** D5: what a backend answered with a result is not delivered to it again, however often the station repeats it. */
export function checkRepeats(evidence: Evidence, rules: RepeatRules): Violation[] {
  const found: Violation[] = [];
  for (const [backend, ledgers] of evidence.backends)
    for (const [station, ledger] of ledgers) {
      const taken = new Set<string>();
      const again: string[] = [];
      const { exchanges } = exchangesOf(ledger, 'received');
      for (const [at, exchange] of exchanges.entries()) {
        // A security event has no number: the same one may happen again.
        if (!isGuaranteed(ledger.version, exchange.message.action)) continue;
        if (exchange.message.action === 'SecurityEventNotification') continue;
        const content = contentOf(exchange.text);
        if (taken.has(content)) again.push(exchange.text);
        else if (isSurelyHeard(exchange, exchanges[at + 1], rules)) taken.add(content);
      }
      if (again.length > rules.kills)
        found.push(
          violation(
            'D5',
            station,
            `${backend} was told ${again.length} times again what it had taken`,
            again,
          ),
        );
    }
  return found;
}

function isSurelyHeard(call: Exchange, next: Exchange | undefined, { callTimeoutMs }: RepeatRules): boolean {
  if (call.answers[0]?.message.type !== 3 || next?.link !== call.link) return false;
  return next.atMs > call.answers[0].atMs && next.atMs - call.atMs < callTimeoutMs;
}
