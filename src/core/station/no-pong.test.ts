/** Stations that do not answer pings, though WebSocket has them to (AMTRON 4You and others): what they say themselves shows that they live. */
import { describe, expect, test } from 'vitest';
import { answerAs, Bench, kinds } from '../../testkit/station-bench.ts';

const boot = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]';

/** Connected; its backend wants a heartbeat every 300 s. */
function booted(): Bench {
  const bench = new Bench();
  bench.connect();
  bench.fromStation(boot);
  answerAs(bench, 'old', '{"status":"Accepted","currentTime":"2023-11-14T22:13:20Z","interval":300}');
  return bench;
}

/** The backend's link is kept alive, the station says nothing. True when the station's link was cut meanwhile. */
function isCutWithin(bench: Bench, ms: number): boolean {
  for (let passed = 0; passed < ms; passed += 10_000) {
    bench.do({ type: 'backend_pong', backend: 'old', epoch: bench.backendEpoch('old') });
    bench.pass(10_000);
    if (bench.state.link === null) return true;
  }
  return false;
}

/** Cut, and back at once. */
function returned(): Bench {
  const bench = booted();
  expect(isCutWithin(bench, 110_000)).toBe(true);
  bench.connect(2);
  return bench;
}

describe('a station that answers no ping', () => {
  test('is cut for that once: when it comes back it has two of its heartbeats to be heard of', () => {
    const bench = returned();
    for (let beat = 0; beat < 3; beat += 1) {
      expect(isCutWithin(bench, 300_000)).toBe(false);
      bench.fromStation(`[2,"h${beat}","Heartbeat",{}]`);
      answerAs(bench, 'old', '{"currentTime":"2023-11-14T22:13:20Z"}');
    }
    expect(isCutWithin(bench, 590_000)).toBe(false);
    expect(bench.last.wakeAtMs).toBeGreaterThan(bench.context.nowMs);
    expect(isCutWithin(bench, 20_000)).toBe(true);
  });

  test('is pinged when it comes back, and watched as any other once it answers', () => {
    const bench = booted();
    expect(isCutWithin(bench, 110_000)).toBe(true);
    bench.arrive(2);
    const effects = bench.do({ type: 'backend_opened', backend: 'old', epoch: bench.backendEpoch('old') });
    expect(kinds(effects)).toContain('ping');
    bench.do({ type: 'station_pong', epoch: 2 });
    expect(isCutWithin(bench, 110_000)).toBe(true);
  });
});
