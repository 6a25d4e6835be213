/**
 * M4: what is billed is what the meters moved, told from the ledgers alone.
 *
 * Pure. A session is what one backend took of a transaction, from the reading of its start to that of its end. The register of a simulated connector stands still while nobody charges,
 * so that the sessions of all backends that bill must lie end to end: whatever is missing, told twice or told to two shows in the readings.
 */
import { violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf, type Exchange, type Ledger } from './ledger.ts';
import { connectorOf, isEnd, isStart } from './told-transactions.ts';
import { record } from './wire.ts';

export interface MeteredSession {
  readonly connector: number;
  /** Readings, Wh. */
  readonly fromWh: number;
  readonly toWh: number;
  /** Its start and its end. */
  readonly texts: readonly [string, string];
}

/** `evidence.backends` are those that bill. */
export function checkEnergy(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [station, source] of evidence.stations) {
    const billed = billedAt(evidence, station);
    for (const [connector, metered] of byConnector(meteredSessions(source, 'sent'))) {
      const sessions = (byConnector(billed).get(connector) ?? []).toSorted(
        (one, other) => one.fromWh - other.fromWh,
      );
      const fromWh = Math.min(...metered.map((session) => session.fromWh));
      const toWh = Math.max(...metered.map((session) => session.toWh));
      found.push(...checkConnector(`${station}/${connector}`, sessions, fromWh, toWh));
    }
  }
  return found;
}

function checkConnector(
  connector: string,
  sessions: readonly MeteredSession[],
  fromWh: number,
  toWh: number,
): Violation[] {
  const found: Violation[] = [];
  const note = (message: string, texts: readonly string[]): void =>
    void found.push(violation('M4', connector, message, texts));
  let billedToWh = fromWh;
  let before: MeteredSession | null = null;
  for (const session of sessions) {
    const texts = [...(before?.texts ?? []), ...session.texts];
    if (before !== null && session.fromWh === before.fromWh && session.toWh === before.toWh)
      note(`${energyWh(session)} Wh are billed twice`, texts);
    else if (session.fromWh < billedToWh)
      note(`${Math.min(billedToWh, session.toWh) - session.fromWh} Wh are in two sessions`, texts);
    else if (session.fromWh > billedToWh) note(`${session.fromWh - billedToWh} Wh are in no session`, texts);
    billedToWh = Math.max(billedToWh, session.toWh);
    before = session;
  }
  if (billedToWh !== toWh)
    note(`the meter shows ${toWh} Wh, the sessions end at ${billedToWh} Wh`, before?.texts ?? []);
  return found;
}

/** All sessions of all backends. */
export function billedSessions(evidence: Evidence): MeteredSession[] {
  return [...evidence.stations.keys()].flatMap((station) => billedAt(evidence, station));
}

export function energyWh({ fromWh, toWh }: MeteredSession): number {
  return toWh - fromWh;
}

function billedAt({ backends }: Evidence, station: string): MeteredSession[] {
  return [...backends.values()].flatMap((ledgers) => {
    const ledger = ledgers.get(station);
    return ledger === undefined ? [] : meteredSessions(ledger, 'received');
  });
}

function byConnector(sessions: readonly MeteredSession[]): Map<number, MeteredSession[]> {
  return Map.groupBy(sessions, ({ connector }) => connector);
}

/** Those that began and ended, in the words of the ledger's owner; of what is repeated the first counts. */
function meteredSessions(ledger: Ledger, calls: 'sent' | 'received'): MeteredSession[] {
  const starts = new Map<string, Exchange>();
  const ended = new Set<string>();
  const found: MeteredSession[] = [];
  for (const exchange of exchangesOf(ledger, calls).exchanges) {
    const isBegin = isStart(exchange);
    const isTaken = exchange.answers.some(({ message }) => message.type === 3);
    if (!isTaken || (!isBegin && !isEnd(exchange))) continue;
    const name = nameOf(exchange);
    const start = starts.get(name);
    if (isBegin) {
      if (start === undefined) starts.set(name, exchange);
    } else if (start !== undefined && !ended.has(name)) {
      ended.add(name);
      found.push({
        connector: connectorOf(start),
        fromWh: readingOf(start),
        toWh: readingOf(exchange),
        texts: [start.text, exchange.text],
      });
    }
  }
  return found;
}

/** 1.6: the number that was given. 2.x: the station's own text. */
function nameOf({ message: { action, payload }, answers }: Exchange): string {
  if (action === 'TransactionEvent') return String(record(payload['transactionInfo'])['transactionId']);
  const given = answers.findLast(({ message }) => message.type === 3)?.message.payload;
  return String((action === 'StartTransaction' ? given : payload)?.['transactionId']);
}

function readingOf({ message: { action, payload } }: Exchange): number {
  if (action === 'StartTransaction') return Number(payload['meterStart']);
  if (action === 'StopTransaction') return Number(payload['meterStop']);
  const samples = listOf(payload['meterValue']).flatMap((value) => listOf(record(value)['sampledValue']));
  const register = samples.find((sample) => record(sample)['measurand'] === 'Energy.Active.Import.Register');
  return Number(record(register)['value']);
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
