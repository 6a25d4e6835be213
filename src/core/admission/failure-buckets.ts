/**
 * How many wrong credentials are taken before the next try is not looked at.
 *
 * Pure: time comes in. A bucket a key: it holds as many failures as may come in a minute and empties steadily. Its memory is bounded: the key that was
 * used longest ago is forgotten, which forgives an attacker who commands that many networks no more than a minute of waiting would.
 */
interface Bucket {
  readonly failures: number;
  readonly atMs: number;
}

const minuteMs = 60_000;

export class FailureBuckets {
  readonly #keysMax: number;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(keysMax: number) {
    this.#keysMax = keysMax;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Milliseconds until another try is looked at; 0: now. */
  waitMs(key: string, perMinute: number, nowMs: number): number {
    const bucket = this.#buckets.get(key);
    if (bucket === undefined) return 0;
    const failures = leftIn(bucket, perMinute, nowMs);
    return failures <= perMinute - 1 ? 0 : ((failures - perMinute + 1) * minuteMs) / perMinute;
  }

  /** Counts a failure. */
  add(key: string, perMinute: number, nowMs: number): void {
    const bucket = this.#buckets.get(key);
    const failures = bucket === undefined ? 0 : leftIn(bucket, perMinute, nowMs);
    this.#buckets.delete(key);
    if (this.#buckets.size >= this.#keysMax) this.#forgetOldest();
    this.#buckets.set(key, { failures: failures + 1, atMs: nowMs });
  }

  #forgetOldest(): void {
    for (const key of this.#buckets.keys()) {
      this.#buckets.delete(key);
      return;
    }
  }
}

function leftIn(bucket: Bucket, perMinute: number, nowMs: number): number {
  return Math.max(0, bucket.failures - ((nowMs - bucket.atMs) * perMinute) / minuteMs);
}
