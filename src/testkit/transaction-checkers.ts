/**
 * D3, D5 and M1: what a backend hears of a transaction, told from the ledgers alone.
 *
 * Pure.
 */
import { isGuaranteed } from '../protocol/actions.ts';
import { violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf, type Exchange, type Ledger } from './ledger.ts';
import { contentOf, readMessage } from './read-once.ts';
import { transactionsOf } from './told-transactions.ts';
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

export interface OwnerRules {
  /** Each may cost one re-send per station (D2), by then to another backend. */
  readonly kills: number;
  /** Message ids with which transactions begin that were handed over on purpose. */
  readonly handed?: ReadonlySet<string>;
}

/** M1: whatever a station says of a transaction reaches one backend of those that answer it, wherever the station is moved meanwhile. */
export function checkOwners(
  evidence: Evidence,
  { kills, handed = new Set<string>() }: OwnerRules,
): Violation[] {
  const found: Violation[] = [];
  for (const station of evidence.stations.keys()) {
    const owners = new Map<string, Map<string, string>>();
    for (const [backend, ledgers] of evidence.backends) {
      const ledger = ledgers.get(station);
      for (const { message, text } of ledger === undefined ? [] : exchangesOf(ledger, 'received').exchanges) {
        const name = transactionNameOf(message.action, message.payload);
        if (name === null) continue;
        const heard = owners.get(name) ?? new Map<string, string>();
        owners.set(name, heard);
        if (!heard.has(backend)) heard.set(backend, text);
      }
    }
    const shared = [...owners.values()].filter((heard) => heard.size > 1 && !isHanded(heard, handed));
    if (shared.length > kills)
      found.push(
        violation(
          'M1',
          station,
          `${shared.length} transactions were told to two backends that answer: ${[...(shared[0]?.keys() ?? [])].join(', ')}`,
          [...(shared[0]?.values() ?? [])],
        ),
      );
  }
  return found;
}

function isHanded(heard: ReadonlyMap<string, string>, handed: ReadonlySet<string>): boolean {
  return [...heard.values()].some((text) => isOneOf(handed, readMessage(text)?.id ?? ''));
}

/** True for one of these ids, and for what it becomes once a backend has refused it: its beginning with a count behind it. */
export function isOneOf(ids: ReadonlySet<string>, id: string): boolean {
  if (ids.has(id)) return true;
  const head = id.slice(0, Math.max(0, id.lastIndexOf('.')));
  return head !== '' && [...ids].some((one) => one.startsWith(head));
}

/** What tells a transaction wherever it is told: 2.x its name; 1.6, where each backend has its own, what was read when and where. */
function transactionNameOf(action: string, payload: Readonly<Record<string, unknown>>): string | null {
  if (action === 'TransactionEvent') return String(record(payload['transactionInfo'])['transactionId']);
  if (action !== 'StartTransaction' && action !== 'StopTransaction') return null;
  const { transactionId: _, ...rest } = payload;
  return `${action} ${JSON.stringify(rest)}`;
}

/** Every transaction that was told is known whole to one of those that answer: each message of it was taken, by that one. */
export function checkKnownWhole({ stations, backends }: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [station, source] of stations) {
    const taken = [...backends.values()].map((ledgers) => takenBy(ledgers.get(station)));
    for (const { calls } of transactionsOf(source)) {
      const missing = taken.map((contents) => calls.filter(({ text }) => !contents.has(contentOf(text))));
      const least = missing.toSorted((one, other) => one.length - other.length)[0] ?? calls;
      if (least.length === 0) continue;
      const parts = `${calls.length - least.length} of ${calls.length} messages of a transaction`;
      found.push(
        violation(
          'M1',
          station,
          `no backend took more than ${parts}`,
          least.map(({ text }) => text),
        ),
      );
    }
  }
  return found;
}

/** Contents of the calls that this backend answered with a result. */
export function takenBy(ledger: Ledger | undefined): ReadonlySet<string> {
  if (ledger === undefined) return new Set();
  const { exchanges } = exchangesOf(ledger, 'received');
  return new Set(
    exchanges
      .filter(({ answers }) => answers.some(({ message }) => message.type === 3))
      .map(({ text }) => contentOf(text)),
  );
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
        if (!isGuaranteed(exchange.version, exchange.message.action)) continue;
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
