/**
 * Reports go to who asked for them, part after part, and what the station was told is taken of them is not lost. Told from the ledgers alone.
 *
 * Pure. Where a report can say who asked, it does, as `<backend> <requestId>`: backends may number alike, so a number proves nothing by itself.
 */
import { violation, type Evidence, type Violation } from './checkers.ts';
import { exchangesOf } from './ledger.ts';
import { contentOf } from './read-once.ts';
import { record } from './wire.ts';

const reports: ReadonlySet<string> = new Set([
  'NotifyReport',
  'NotifyMonitoringReport',
  'NotifyCustomerInformation',
]);

/** No backend is told what another has asked for. */
export function checkAskers({ backends }: Evidence): Violation[] {
  const found: Violation[] = [];
  for (const [backend, ledgers] of backends)
    for (const [station, ledger] of ledgers)
      for (const { message, text } of exchangesOf(ledger, 'received').exchanges) {
        const { action, payload } = message;
        const asker = reports.has(action) ? askerIn(payload) : null;
        if (asker !== null && asker !== `${backend} ${String(payload['requestId'])}`)
          found.push(violation('reports', station, `${backend} was told what ${asker} asked for`, [text]));
      }
  return found;
}

/**
 * What is asked for by backends that answer the station: who only listens in is given up on after a while, and told again what it left unanswered.
 * `parked`: contents of what is held at the end, or was given up as it may be.
 */
export function checkParts({ stations, backends }: Evidence, parked: ReadonlySet<string>): Violation[] {
  const found: Violation[] = [];
  for (const [station, source] of stations) {
    const heard = new Set<string>();
    for (const [backend, ledgers] of backends) {
      const ledger = ledgers.get(station);
      const last = new Map<string, number>();
      const known = new Set<string>();
      for (const { message, text } of ledger === undefined ? [] : exchangesOf(ledger, 'received').exchanges) {
        const { action, payload } = message;
        const content = contentOf(text);
        // One that it left unanswered, or refused in passing, is told again after later ones.
        if (!reports.has(action) || known.has(content)) continue;
        known.add(content);
        heard.add(content);
        const request = `${action} ${String(payload['requestId'])}`;
        const part = Number(payload['seqNo']);
        const before = last.get(request) ?? 0;
        if (part < before)
          found.push(
            violation('reports', station, `${backend} got part ${part} after part ${before}`, [text]),
          );
        last.set(request, Math.max(part, before));
      }
    }
    for (const { message, text, answers } of exchangesOf(source, 'sent').exchanges) {
      const [asker = ''] = (reports.has(message.action) ? askerIn(message.payload) : null)?.split(' ') ?? [];
      if (!backends.has(asker) || !answers.some((answer) => answer.message.type === 3)) continue;
      if (!heard.has(contentOf(text)) && !parked.has(contentOf(text)))
        found.push(violation('reports', station, `a part was taken, and ${asker} never got it`, [text]));
    }
  }
  return found;
}

/** Who asked for the report, `<backend> <requestId>`, as its payload says; null: it names nobody. */
export function askerIn({ data, reportData }: Readonly<Record<string, unknown>>): string | null {
  if (typeof data === 'string') return data;
  const [first] = Array.isArray(reportData) ? (reportData as unknown[]) : [];
  const { name } = record(record(first)['component']);
  return typeof name === 'string' ? name : null;
}
