/**
 * A distribution of durations as plain counts, cheap enough for a frame's path.
 */
import type { HistogramSample, Labels } from '../ports/metrics.ts';

export interface Histogram {
  /** Counts one duration, in seconds. A few comparisons; nothing is allocated. */
  observe(seconds: number): void;
  /** The counts of this moment. */
  sample(labels: Labels): HistogramSample;
}

/** `upperBounds` ascend and are in seconds; what exceeds the last one is counted beyond them. */
export function createHistogram(upperBounds: readonly number[]): Histogram {
  const bounds = Float64Array.from(upperBounds);
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    observe: (seconds) => {
      let bucket = 0;
      while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket += 1;
      counts[bucket] = (counts[bucket] as number) + 1;
      sum += seconds;
    },
    sample: (labels) => ({ labels, upperBounds, counts: counts.slice(), sum }),
  };
}
