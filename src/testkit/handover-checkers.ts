/**
 * M1 of transactions that change hands: whoever has one when it ends has been told all of it, and nobody else its end. Told from the ledgers alone.
 *
 * Pure.
 */
import { guaranteedCalls, violation, type Evidence, type Violation } from './checkers.ts';
import { contentOf } from './read-once.ts';
import { isEnd, transactionsOf } from './told-transactions.ts';
import { takenBy } from './transaction-checkers.ts';

/** `evidence.backends`: those that answer. `excused`: contents that the gateway says it cannot deliver, or was told to drop. */
export function checkHandedWhole(
  { stations, backends }: Evidence,
  excused: ReadonlySet<string>,
): Violation[] {
  const found: Violation[] = [];
  for (const [station, source] of stations) {
    const taken = [...backends].map(([name, ledgers]) => ({ name, contents: takenBy(ledgers.get(station)) }));
    // What a station was told by an error is its own to repeat, and it may have thrown it away.
    const promised = new Set(
      guaranteedCalls(source)
        .filter(({ answers }) => answers.some(({ message }) => message.type === 3))
        .map(({ text }) => contentOf(text)),
    );
    for (const { calls } of transactionsOf(source)) {
      const end = calls.find((call) => isEnd(call));
      if (end === undefined) continue;
      const owners = taken.filter(({ contents }) => contents.has(contentOf(end.text)));
      if (owners.length > 1)
        found.push(
          violation('handed', station, `${owners.map(({ name }) => name).join(' and ')} were told one end`, [
            end.text,
          ]),
        );
      for (const { name, contents } of owners) {
        const missing = calls.filter(({ text }) => {
          const content = contentOf(text);
          return promised.has(content) && !contents.has(content) && !excused.has(content);
        });
        if (missing.length > 0)
          found.push(
            violation(
              'handed',
              station,
              `${name} has a transaction to its end and was not told ${missing.length} of its ${calls.length} messages`,
              missing.map(({ text }) => text),
            ),
          );
      }
    }
  }
  return found;
}
