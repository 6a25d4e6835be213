/**
 * Is the other end still there?
 *
 * Pure. Any frame proves it, also a pong. After a silence the peer is pinged; two pings without a sound mean that the link is half-open, the main cause of
 * stations that are connected and yet gone (OCPP-J 1.6 erratum 3.11).
 */
import type { BackendLink, Liveness } from './state.ts';

/** Unanswered pings that make a link count as dead. */
export const pingsMax = 2;

export type Pulse = 'quiet' | 'ping' | 'dead';

export function hearFrom(heard: Liveness, nowMs: number): void {
  heard.heardAtMs = nowMs;
  heard.pings = 0;
}

/** What is due now. `ping` counts the ping as sent. */
export function takePulse(heard: Liveness, intervalMs: number, timeoutMs: number, nowMs: number): Pulse {
  if (nowMs < pulseAtMs(heard, intervalMs, timeoutMs)) return 'quiet';
  if (heard.pings >= pingsMax) return 'dead';
  heard.pings += 1;
  heard.pingedAtMs = nowMs;
  return 'ping';
}

/** When `takePulse` has something to do next. */
export function pulseAtMs(heard: Liveness, intervalMs: number, timeoutMs: number): number {
  return heard.pings === 0 ? heard.heardAtMs + intervalMs : heard.pingedAtMs + timeoutMs;
}

/** True for an open link on which nothing but silence and errors comes. */
export function isGivenUp({ fruitless }: Pick<BackendLink, 'fruitless'>): boolean {
  return fruitless >= fruitlessMax;
}

/** Calls in a row that may come to nothing before a backend counts as down. */
const fruitlessMax = 5;
