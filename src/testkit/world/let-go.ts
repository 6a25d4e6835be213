/**
 * What the gateway let go of, as its records have it: nobody is owed that any more.
 *
 * Pure.
 */
import type { JournalRecord } from '../../core/journal/record.ts';
import { contentOf, readMessage } from '../read-once.ts';
import { askerIn } from '../report-checkers.ts';

/**
 * Contents of what it has dropped, for whatever reason (reports are worth nothing after minutes), and of reports that it answered in the place of a backend which has nothing to do with
 * the station any more.
 */
export function letGoOf(records: readonly JournalRecord[]): Set<string> {
  const contents = new Set<string>();
  const held = new Map<string, string>();
  /** Station and link, closed since no route leads there. */
  const apart = new Set<string>();
  for (const record of records) {
    if (record.type === 'link') {
      const at = `${record.station} ${record.link}`;
      if (record.change === 'closed' && record.reason === 'not_routed_here') apart.add(at);
      else if (record.change === 'opened') apart.delete(at);
    } else if (record.type === 'frame') {
      if (record.outcome !== 'answered' || record.link !== 'station') continue;
      const [asker = ''] = askerIn(readMessage(record.text)?.payload ?? {})?.split(' ') ?? [];
      if (apart.has(`${record.station} backend:${asker}`)) contents.add(contentOf(record.text));
    } else if (record.type === 'held') {
      held.set(`${record.station} ${record.message.number}`, contentOf(record.message.text));
    } else if (record.type === 'delivery' && record.outcome === 'dropped') {
      const content = held.get(`${record.station} ${record.number}`);
      if (content !== undefined) contents.add(content);
    }
  }
  return contents;
}
