/**
 * Token buckets: so many at once, so many in the long run.
 *
 * Pure. A bucket that was never used is full.
 */
import type { Bucket } from './state.ts';

/** Takes one token if there is one. An infinite rate always has one. */
export function takeToken(bucket: Bucket, perSecond: number, burst: number, nowMs: number): boolean {
  if (perSecond === Infinity) return true;
  refill(bucket, perSecond, burst, nowMs);
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

/** Whether there is a token, without taking it. */
export function hasToken(bucket: Bucket, perSecond: number, burst: number, nowMs: number): boolean {
  if (perSecond === Infinity) return true;
  refill(bucket, perSecond, burst, nowMs);
  return bucket.tokens >= 1;
}

/**
 * Takes what has come already, although it may be more than there is: at most one burst is owed. False when something is owed.
 */
export function spend(
  bucket: Bucket,
  perSecond: number,
  burst: number,
  nowMs: number,
  tokens: number,
): boolean {
  if (perSecond === Infinity) return true;
  refill(bucket, perSecond, burst, nowMs);
  bucket.tokens = Math.max(-burst, bucket.tokens - tokens);
  return bucket.tokens >= 0;
}

/** Milliseconds until the bucket holds one token. */
export function tokenInMs(bucket: Bucket, perSecond: number): number {
  return Math.max(0, ((1 - bucket.tokens) / perSecond) * 1_000);
}

/** Monotonic time at which the bucket holds one token, whether it is looked at meanwhile or not. */
export function tokenAtMs(bucket: Bucket, perSecond: number): number {
  return bucket.atMs + tokenInMs(bucket, perSecond);
}

function refill(bucket: Bucket, perSecond: number, burst: number, nowMs: number): void {
  const filled = Number.isNaN(bucket.tokens)
    ? burst
    : bucket.tokens + ((nowMs - bucket.atMs) / 1_000) * perSecond;
  bucket.tokens = Math.min(burst, filled);
  bucket.atMs = nowMs;
}
