/** What a gateway says to those who run it: the events of its log, and the log itself. */
import type { Notice } from '../core/station/events.ts';

/** One line per decision: an event and fields. Secrets and tokens are the caller's to leave out; the adapter masks known names too. */
export interface Log {
  debug(event: LogEvent, fields?: LogFields): void;
  info(event: LogEvent, fields?: LogFields): void;
  warn(event: LogEvent, fields?: LogFields): void;
  error(event: LogEvent, fields?: LogFields): void;
}

/** All that a gateway says. People build alerts on these names: each is explained in docs/reference/log.md, and none changes its meaning. */
export type LogEvent =
  | Notice
  | ProcessEvent
  | LinkEvent
  | DeliveryEvent
  | JournalEvent
  | MigrationEvent
  | ApiEvent
  | BugEvent;

type ProcessEvent =
  | 'started'
  | 'draining'
  | 'stopped'
  | 'stopped_at_once'
  | 'config_reloaded'
  | 'config_reload_refused'
  | 'backend_removed_in_use'
  | 'certificate_expires'
  | 'certificate_not_valid';

type LinkEvent =
  | 'link_opened'
  | 'link_closed'
  | 'station_refused'
  | 'accept_failed'
  | 'backend_up'
  | 'backend_down';

type DeliveryEvent = 'delivery_parked' | 'delivery_decided' | 'billing_at_risk' | 'billing_risk_over';

type JournalEvent =
  | 'journal_commit_failed'
  | 'journal_commit_stalled'
  | 'journal_bound_reached'
  | 'journal_unwritable'
  | 'journal_writable'
  | 'journal_gap'
  | 'journal_lost'
  | 'journal_corrupt'
  | 'journal_unreadable'
  | 'journal_disk_trouble'
  | 'journal_thread_restarted';

type MigrationEvent =
  | 'station_moved'
  | 'station_rolled_back'
  | 'migration_decided'
  | 'migration_refused'
  | 'migration_phase'
  | 'migration_not_saved'
  | 'migration_stopped';

type ApiEvent =
  | 'api_refused'
  | 'api_failed'
  | 'station_commanded'
  | 'audit_unavailable'
  | 'audit_outcome_missing';

/** A mistake of Busbar's own. */
type BugEvent = 'invariant_broken' | 'bug' | 'journal_listener_broken' | 'journal_waiter_broken';

export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;
