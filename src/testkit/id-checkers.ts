/**
 * S2: no backend sees an identifier that was given out by, or made for, another. Told from the ledgers alone.
 *
 * Pure. Backends may number alike, so a number proves nothing by itself: a message of a 1.6 transaction is followed through the station to the start it belongs to, and must
 * carry what this backend answered to that start.
 */
import { violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf, textsOf, type Exchange, type Ledger } from './ledger.ts';
import { contentOf, readMessage } from './read-once.ts';

export function checkForeignIds(evidence: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [backend, ledgers] of evidence.backends) {
    for (const [station, ledger] of ledgers) {
      const source = evidence.stations.get(station);
      if (source !== undefined && hasSpoken16(ledger))
        found.push(...checkTransactionIds(backend, station, ledger, source));
      found.push(...checkRequestIds(backend, station, ledger));
    }
  }
  return found;
}

function hasSpoken16({ entries }: Ledger): boolean {
  return entries.some((entry) => entry.type === 'opened' && entry.version === 'ocpp1.6');
}

function checkTransactionIds(backend: string, station: string, ledger: Ledger, source: Ledger): Violation[] {
  const found: Violation[] = [];
  const startOf = startsByMessage(source);
  const given = idsByStart(exchangesOf(ledger, 'received').exchanges);
  for (const { text } of textsOf(ledger, 'received')) {
    const message = readMessage(text);
    if (message?.type !== 2 || (message.action !== 'StopTransaction' && message.action !== 'MeterValues'))
      continue;
    const id = message.payload['transactionId'];
    const start = startOf.get(contentOf(text));
    // -1 is what a station says of a start that nobody answered; one without a start began before the ledgers.
    if (id === undefined || id === -1 || start === undefined) continue;
    const ids = given.get(start);
    if (ids === undefined || !ids.has(Number(id)))
      found.push(
        violation(
          'S2',
          station,
          `${backend} was told of transaction ${JSON.stringify(id)}, which it calls ${[...(ids ?? [])].join(' or ') || 'nothing'}`,
          [text],
        ),
      );
  }
  return found;
}

/** By the content of a message of a transaction: the content of the start it belongs to, as the station knows it. */
export function startsByMessage(source: Ledger): Map<string, string> {
  const starts = new Map<number, { readonly content: string; readonly place: number }[]>();
  const { exchanges } = exchangesOf(source, 'sent');
  for (const exchange of exchanges) {
    const id = idGiven(exchange);
    if (id !== null)
      starts.set(id, [
        ...(starts.get(id) ?? []),
        { content: contentOf(exchange.text), place: exchange.place },
      ]);
  }
  const found = new Map<string, string>();
  for (const { text, place, message } of exchanges) {
    const id = message.payload['transactionId'];
    if (typeof id !== 'number' || id === -1) continue;
    const start = (starts.get(id) ?? []).findLast((one) => one.place < place);
    if (start !== undefined) found.set(contentOf(text), start.content);
  }
  return found;
}

/** By the content of a start: what this backend answered to it. */
function idsByStart(exchanges: readonly Exchange[]): Map<string, Set<number>> {
  const found = new Map<string, Set<number>>();
  for (const exchange of exchanges) {
    const id = idGiven(exchange);
    if (id === null) continue;
    const content = contentOf(exchange.text);
    const ids = found.get(content) ?? new Set();
    found.set(content, ids.add(id));
  }
  return found;
}

function idGiven({ message, answers }: Exchange): number | null {
  if (message.action !== 'StartTransaction') return null;
  const id = answers.findLast((answer) => answer.message.type === 3)?.message.payload['transactionId'];
  return typeof id === 'number' ? id : null;
}

/** Reports come to the one that asked, under its own number. */
function checkRequestIds(backend: string, station: string, ledger: Ledger): Violation[] {
  const asked = new Set<unknown>();
  for (const { text } of textsOf(ledger, 'sent')) {
    const message = readMessage(text);
    if (message?.type === 2) asked.add(message.payload['requestId']);
  }
  return textsOf(ledger, 'received').flatMap(({ text }) => {
    const message = readMessage(text);
    if (
      message?.type !== 2 ||
      message.payload['requestId'] === undefined ||
      message.action === 'SignCertificate'
    )
      return [];
    return asked.has(message.payload['requestId'])
      ? []
      : [violation('S2', station, `${backend} was sent a report on a request it never made`, [text])];
  });
}
