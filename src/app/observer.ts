/**
 * What the data plane tells the world: counts for the metrics, one log line per decision.
 *
 * Not pure only in that it counts and logs. It stands on a frame's path, so it does nothing for a frame but count.
 */
import { strikeWords } from '../core/commands/strike-words.ts';
import type { DeliveryRecord, LinkRecord } from '../core/journal/record.ts';
import type { Notice } from '../core/station/events.ts';
import type { Log } from '../ports/log.ts';
import type { TrafficMeter } from '../ports/metrics.ts';
import type { Observer } from '../runtime/data-plane.ts';
import { refusalOfStatus } from '../runtime/metrics-from-records.ts';
import { BugError } from '../std/assert.ts';

/** Notices that an operator should look at; the others are the day's business. */
const warnings: ReadonlySet<Notice> = new Set([
  'identity_clash',
  'station_flooding',
  'backend_flooding',
  'command_forbidden',
  'journal_failing',
  'held_near_bound',
  'backend_rejecting',
]);

export function createObserver(meter: TrafficMeter, log: Log): Observer {
  return {
    onRecord: (record) => {
      meter.observe(record);
      if (record.type === 'link') logLink(log, record);
      else if (record.type === 'delivery' && record.outcome === 'parked') logParked(log, record);
    },
    onSent: (seconds) => meter.relayed(seconds),
    onNotice: (station, notice, backend) => {
      meter.notice(notice);
      if (warnings.has(notice)) log.warn(notice, { station, backend });
      else log.debug(notice, { station, backend });
    },
    onRefusal: (station, status, detail) => {
      const reason = refusalOfStatus(status);
      meter.refused(reason);
      log.info('station_refused', { station, status, reason, detail });
    },
    onBug: (station, bug) => {
      const message = bug instanceof Error ? bug.message : String(bug);
      const stack = bug instanceof Error ? bug.stack : undefined;
      log.error(bug instanceof BugError ? 'invariant_broken' : 'bug', { station, message, stack });
    },
  };
}

function logLink(log: Log, { station, link, change, version, code, reason }: LinkRecord): void {
  // A link that opens has no code, and often a closing one no reason.
  log.info(`link_${change}`, {
    station,
    link,
    version: version ?? undefined,
    code: code ?? undefined,
    reason: reason === null ? undefined : strikeWords(reason),
  });
}

/** Somebody has to decide about it. What the message says is not told: it holds tokens. */
function logParked(log: Log, { station, backend, action, number, delivery }: DeliveryRecord): void {
  log.warn('delivery_parked', { station, backend, action, number, lastError: delivery?.lastError ?? null });
}
