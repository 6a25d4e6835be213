/**
 * A transaction that one backend alone had started, and knows that it was, is told to that one. Told from the ledgers alone.
 *
 * Pure. Only cards that no driver has are looked at, each of which was asked for by backends within a minute.
 */
import { violation, type Evidence, type Violation } from './checkers.ts';
import { closedAtMs, exchangesOf, type Exchange, type Ledger } from './ledger.ts';
import { contentOf } from './read-once.ts';
import { isStart } from './told-transactions.ts';
import { isOneOf } from './transaction-checkers.ts';
import { record } from './wire.ts';

const starts: ReadonlySet<string> = new Set(['RemoteStartTransaction', 'RequestStartTransaction']);

/** Either end may notice so much later than the other that a link is gone. */
const noticeMs = 60_000;

/** `evidence.backends`: those that answer. `handed`: message ids with which transactions begin that were handed over on purpose. */
export function checkStarters(
  { stations, backends }: Evidence,
  handed: ReadonlySet<string> = new Set(),
): Violation[] {
  const found: Violation[] = [];
  for (const [station, source] of stations) {
    const peers = [...backends].flatMap(([name, ledgers]) => {
      const ledger = ledgers.get(station);
      return ledger === undefined ? [] : [{ name, ledger }];
    });
    const taken = exchangesOf(source, 'received').exchanges.filter(isAccepted);
    for (const call of exchangesOf(source, 'sent').exchanges) {
      const card = isStart(call) ? cardIn(call) : '';
      // Where it took more than one, nobody can tell which of them it followed.
      if (!card.startsWith('START') || taken.filter((one) => cardIn(one) === card).length !== 1) continue;
      const [asker, ...others] = peers.flatMap(({ name, ledger }) =>
        linksAskedOn(ledger, card).map((link) => ({ name, goneAtMs: closedAtMs(ledger, link) })),
      );
      // One that is not there any more has nothing of it.
      if (asker === undefined || others.length > 0 || asker.goneAtMs < call.atMs + noticeMs) continue;
      const told = peers
        .filter(({ ledger }) => idsTold(ledger, call).some((id) => !isOneOf(handed, id)))
        .map(({ name }) => name);
      if (told.length > 0 && !told.includes(asker.name))
        found.push(
          violation('starts', station, `${asker.name} had started what ${told.join()} was told of`, [
            call.text,
          ]),
        );
    }
  }
  return found;
}

/** The links on which it was told that the station starts for this card. */
function linksAskedOn(ledger: Ledger, card: string): number[] {
  const { exchanges } = exchangesOf(ledger, 'sent');
  return exchanges.filter((one) => isAccepted(one) && cardIn(one) === card).map(({ link }) => link);
}

/** The message ids under which it was told this. */
function idsTold(ledger: Ledger, { text }: Exchange): string[] {
  const content = contentOf(text);
  const { exchanges } = exchangesOf(ledger, 'received');
  return exchanges.filter((one) => contentOf(one.text) === content).map(({ message }) => message.id);
}

function isAccepted({ message, answers }: Exchange): boolean {
  return (
    starts.has(message.action) && answers.some((answer) => answer.message.payload['status'] === 'Accepted')
  );
}

function cardIn({ message: { payload } }: Exchange): string {
  const card = payload['idTag'] ?? record(payload['idToken'])['idToken'];
  return typeof card === 'string' ? card : '';
}
