/**
 * The transactions of a station by its own words, from its ledger alone.
 *
 * Pure.
 */
import { guaranteedCalls } from './checkers.ts';
import { startsByMessage } from './id-checkers.ts';
import type { Exchange, Ledger } from './ledger.ts';
import { contentOf } from './read-once.ts';
import { record } from './wire.ts';

export interface ToldTransaction {
  /** Every message that names it, without repetitions, in the order in which they were first sent. */
  readonly calls: readonly Exchange[];
  readonly beganAtMs: number;
  /** When its end was first sent; null: it was not. */
  readonly endedAtMs: number | null;
}

/** Those whose start the ledger has, in the order of their starts. */
export function transactionsOf(source: Ledger): ToldTransaction[] {
  const starts = startsByMessage(source);
  const found = new Map<string, Map<string, Exchange>>();
  for (const call of guaranteedCalls(source)) {
    const content = contentOf(call.text);
    const key = transactionKey(call, content, starts);
    if (key === null) continue;
    const calls = found.get(key) ?? new Map<string, Exchange>();
    found.set(key, calls);
    if (!calls.has(content)) calls.set(content, call);
  }
  return [...found.values()].flatMap((byContent) => {
    const calls = [...byContent.values()];
    const [first] = calls;
    const end = calls.findLast((call) => isEnd(call));
    if (first === undefined || !isStart(first)) return [];
    return { calls, beganAtMs: first.atMs, endedAtMs: end?.atMs ?? null };
  });
}

export function isStart({ message: { action, payload } }: Exchange): boolean {
  return (
    action === 'StartTransaction' || (action === 'TransactionEvent' && payload['eventType'] === 'Started')
  );
}

export function isEnd({ message: { action, payload } }: Exchange): boolean {
  return action === 'StopTransaction' || (action === 'TransactionEvent' && payload['eventType'] === 'Ended');
}

/** Where a transaction began, told by its start. 2.x: the EVSE. */
export function connectorOf({ message: { action, payload } }: Exchange): number {
  return Number(action === 'StartTransaction' ? payload['connectorId'] : record(payload['evse'])['id']);
}

/** In 1.6 the content of the start, in 2.x the station's own text; null for what is of no transaction. */
function transactionKey(
  { message: { action, payload } }: Exchange,
  content: string,
  starts: ReadonlyMap<string, string>,
): string | null {
  if (action === 'StartTransaction') return content;
  if (action === 'TransactionEvent') {
    const id = record(payload['transactionInfo'])['transactionId'];
    return typeof id === 'string' ? id : null;
  }
  return starts.get(content) ?? null;
}
