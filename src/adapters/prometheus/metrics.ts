/**
 * The measurements in the Prometheus text format, by `@prometheus-io/client`.
 *
 * Totals are handed over when the page is asked for; between two pages the library does nothing for them. It has no way in for a histogram that was
 * counted elsewhere, but takes every object with a metric's `get`, so one is written for that. The process's own measurements (memory,
 * processor, event loop) are the library's.
 */
import {
  collectDefaultMetrics,
  Counter,
  Gauge,
  Registry,
  type Histogram,
  type MetricObjectWithValues,
} from '@prometheus-io/client';
import type {
  CountFamily,
  HistogramFamily,
  HistogramSample,
  MetricFamily,
  MetricsPage,
} from '../../ports/metrics.ts';

export interface MetricsOptions {
  readonly families: readonly MetricFamily[];
  /** Adds the `process_` and `nodejs_` families. */
  readonly withProcess: boolean;
}

/** Makes the page. Its registry is its own: two gateways in one process do not mix. */
export function createMetricsPage({ families, withProcess }: MetricsOptions): MetricsPage {
  const registry = new Registry();
  for (const family of families) {
    if (family.type === 'histogram') registry.registerMetric(histogramOf(family) as unknown as Histogram);
    else addCounts(registry, family);
  }
  if (withProcess) collectDefaultMetrics({ register: registry });
  return { contentType: registry.contentType, text: () => registry.metrics() };
}

function addCounts(registry: Registry, { type, name, help, labelNames, samples }: CountFamily): void {
  const common = {
    name,
    help,
    labelNames: [...labelNames],
    registers: [registry as Registry<typeof Registry.PROMETHEUS_CONTENT_TYPE>],
  };
  if (type === 'gauge') {
    const gauge: Gauge<string> = new Gauge({
      ...common,
      collect: () => {
        gauge.reset();
        // One without labels is reset to 0, which would be said where there is nothing to say.
        if (labelNames.length === 0) gauge.remove();
        for (const { labels, value } of samples()) gauge.set(labels, value);
      },
    });
    return;
  }
  const counter: Counter<string> = new Counter({
    ...common,
    collect: () => {
      counter.reset();
      for (const { labels, value } of samples()) counter.inc(labels, value);
    },
  });
}

interface Value {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

function histogramOf({ name, help, samples }: HistogramFamily): {
  readonly name: string;
  get(): Promise<Pick<MetricObjectWithValues<Value>, 'name' | 'help' | 'type' | 'aggregator' | 'values'>>;
} {
  return {
    name,
    get: () =>
      Promise.resolve({
        name,
        help,
        type: 'histogram',
        aggregator: 'sum',
        values: [...samples()].flatMap((sample) => valuesOf(name, sample)),
      }),
  };
}

/** Buckets are cumulative in the text format. */
function valuesOf(name: string, { labels, upperBounds, counts, sum }: HistogramSample): Value[] {
  let below = 0;
  const buckets = [...upperBounds, Infinity].map((bound, at) => {
    below += counts[at] ?? 0;
    return {
      metricName: `${name}_bucket`,
      labels: { ...labels, le: bound === Infinity ? '+Inf' : bound },
      value: below,
    };
  });
  return [
    ...buckets,
    { metricName: `${name}_sum`, labels, value: sum },
    { metricName: `${name}_count`, labels, value: below },
  ];
}
