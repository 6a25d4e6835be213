/** What a machine keeps of what it was sent. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Bench } from '../../testkit/station-bench.ts';

function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

function busyWith(count: number): Bench {
  const bench = new Bench();
  bench.connect();
  const id = `3f2504e0-4f89-41d3-9a0c-${String(count).padStart(12, '0')}`;
  const big = 'x'.repeat(1_000_000);
  bench.fromStation(`[2,"b","BootNotification",{"chargePointVendor":"${count}${big}"}]`);
  bench.fromBackend('[3,"p1",{}]');
  bench.fromStation(`[2,"${id}","Heartbeat",{"big":"${big}"}]`);
  bench.fromBackend('[3,"p2",{}]');
  bench.last = {
    records: [],
    effects: [],
    isDurableChanged: false,
    isImageChanged: false,
    wakeAtMs: Infinity,
  };
  return bench;
}

test('large texts are not kept once they are answered', () => {
  const beforeBytes = heapBytes();
  const benches = Array.from({ length: 60 }, (_, count) => busyWith(count));
  expect(heapBytes() - beforeBytes).toBeLessThan(10_000_000);
  expect(benches.every(({ state }) => state.durable.boot?.vendor?.length === 255)).toBe(true);
});
