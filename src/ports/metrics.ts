/**
 * Measurements: what the data plane is told, and how totals are handed to whoever prints them.
 *
 * Counting happens on a frame's path, so it is plain arithmetic; label objects are made only when somebody asks for the totals. No label ever
 * holds a station's identity: the number of series depends on the configuration, not on the fleet.
 */
import type { JournalRecord } from '../core/journal/record.ts';
import type { Notice } from '../core/station/events.ts';

/** Fed by the data plane. Every function is synchronous, never throws and costs well under a microsecond. */
export interface TrafficMeter {
  /** A record, once, when it is appended to the journal. */
  observe(record: JournalRecord): void;
  /** A decision that the journal does not show. */
  notice(notice: Notice): void;
  /** A connection that was refused; `reason` is a short snake_case word from a closed set (`DoorRefusal`, or that of a `refuse` effect). */
  refused(reason: string): void;
  /** Seconds between receiving a frame and handing it to the other link. */
  relayed(seconds: number): void;
}

/** One name, and every series it has now. */
export type MetricFamily = CountFamily | HistogramFamily;

interface FamilyCommon {
  /** With the `busbar_` prefix and the base unit last. */
  readonly name: string;
  /** A sentence. */
  readonly help: string;
  readonly labelNames: readonly string[];
}

export interface CountFamily extends FamilyCommon {
  /** A counter only grows, and starts at 0 with the process. */
  readonly type: 'counter' | 'gauge';
  readonly samples: () => Iterable<Sample>;
}

export interface HistogramFamily extends FamilyCommon {
  readonly type: 'histogram';
  readonly samples: () => Iterable<HistogramSample>;
}

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

export interface HistogramSample {
  readonly labels: Labels;
  /** Ascending, without infinity. */
  readonly upperBounds: readonly number[];
  /** How many observations fell into each bucket alone; the last one, beyond the bounds, is one more than there are bounds. */
  readonly counts: ArrayLike<number>;
  readonly sum: number;
}

/** What `/metrics` answers. */
export interface MetricsPage {
  readonly contentType: string;
  /** The totals of this moment. */
  text(): Promise<string>;
}
