/**
 * Is the other end still there?
 *
 * Pure. Any frame proves it, also a pong. After a silence the peer is pinged; two pings without a sound mean that the link is half-open, the main cause of
 * stations that are connected and yet gone (OCPP-J 1.6 erratum 3.11).
 */
import { heartbeatMs } from '../priming/priming.ts';
import type { BackendLink, Liveness, StationState } from './state.ts';

/** Unanswered pings that make a link count as dead. */
export const pingsMax = 2;

export type Pulse = 'quiet' | 'ping' | 'dead';

export function hearFrom(heard: Liveness, nowMs: number): void {
  heard.heardAtMs = nowMs;
  heard.pings = 0;
}

/** What is due now. `ping` counts the ping as sent. `silenceMs`: no shorter silence is held against it. */
export function takePulse(
  heard: Liveness,
  intervalMs: number,
  timeoutMs: number,
  nowMs: number,
  silenceMs = 0,
): Pulse {
  if (nowMs < pulseAtMs(heard, intervalMs, timeoutMs, silenceMs)) return 'quiet';
  if (heard.pings >= pingsMax) return 'dead';
  heard.pings += 1;
  heard.pingedAtMs = nowMs;
  return 'ping';
}

/** When `takePulse` has something to do next. */
export function pulseAtMs(heard: Liveness, intervalMs: number, timeoutMs: number, silenceMs = 0): number {
  if (heard.pings === 0) return heard.heardAtMs + intervalMs;
  const unansweredAtMs = heard.pingedAtMs + timeoutMs;
  return heard.pings < pingsMax ? unansweredAtMs : Math.max(unansweredAtMs, heard.heardAtMs + silenceMs);
}

/**
 * For how long a station may be silent whatever became of pings. There are some that answer none, though RFC 6455 §5.5.2 has them to: of one that was cut for that and has answered none since, what it
 * says itself counts, and that is a heartbeat at least.
 */
export function silenceMaxMs({ ignoresPings, durable: { verdicts } }: StationState): number {
  if (!ignoresPings) return 0;
  return (
    2 * Math.max(...Object.values(verdicts).map(({ intervalS }) => heartbeatMs(intervalS)), heartbeatMs(0))
  );
}

/** True for an open link on which nothing but silence and errors comes. */
export function isGivenUp({ fruitless }: Pick<BackendLink, 'fruitless'>): boolean {
  return fruitless >= fruitlessMax;
}

/** Calls in a row that may come to nothing before a backend counts as down. */
const fruitlessMax = 5;
