import { describe, expect, test, vi } from 'vitest';
import { createMetricsPage } from '../../src/adapters/prometheus/metrics.ts';
import type { FrameRecord, JournalRecord } from '../../src/core/journal/record.ts';
import type { JournalStats } from '../../src/ports/journal.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import {
  createTrafficMetrics,
  refusalOfStatus,
  type TrafficMetrics,
} from '../../src/runtime/metrics-from-records.ts';
import { gatewayMetrics } from '../../src/runtime/metrics-of-gateway.ts';
import { backends } from './api-world.ts';
import { snapshotOf } from './migration-samples.ts';

const call: FrameRecord = {
  type: 'frame',
  at: 0,
  station: 'CP-1' as StationId,
  link: 'station',
  kind: 'call',
  action: 'StartTransaction',
  text: '[2,"1","StartTransaction",{}]',
  idStart: 3,
  idEnd: 6,
  outcome: 'relayed',
  relayedTo: 'backend:old',
  relayedIdToken: '"x"',
  latencyMs: null,
};

const answer: FrameRecord = {
  ...call,
  link: 'backend:old',
  kind: 'result',
  relayedTo: 'station',
  latencyMs: 40,
};

/** The page as series → value. */
async function pageOf(
  traffic: TrafficMetrics,
  commits: readonly number[] = [],
): Promise<ReadonlyMap<string, number>> {
  const series = new Map<string, number>();
  for (const line of (await textOf(traffic, commits)).split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const space = line.lastIndexOf(' ');
    series.set(line.slice(0, space), Number(line.slice(space + 1)));
  }
  return series;
}

async function textOf(traffic: TrafficMetrics, commits: readonly number[] = []): Promise<string> {
  const journal: JournalStats = {
    commits: 3,
    records: 30,
    recordsMissed: 2,
    pendingBytes: 512,
    pendingRecords: 4,
    onCommit: (listener) => commits.forEach((seconds) => listener(seconds)),
  };
  const registry = { connectedCount: 7, backends: () => [...backends] };
  const versions = { busbar: '0.1.0', node: 'v26.10.0' };
  const deliveries = {
    heldByBackend: () =>
      new Map([
        ['old', { held: 5, parked: 2, billingAtRisk: 3, bytes: 900 }],
        ['gone', { held: 1, parked: 0, billingAtRisk: 1, bytes: 90 }],
      ]),
  };
  const migrations = { list: () => [snapshotOf('m-1'), snapshotOf('m-2', { phase: 'paused' })] };
  const listener = { certificatesEndMs: 1_900_000_000_000 };
  const families = gatewayMetrics({
    traffic,
    registry,
    deliveries,
    migrations,
    journal,
    listener,
    versions,
  });
  return createMetricsPage({ families, withProcess: false }).text();
}

async function after(...records: readonly JournalRecord[]): Promise<ReadonlyMap<string, number>> {
  const traffic = createTrafficMetrics();
  for (const record of records) traffic.observe(record);
  return pageOf(traffic);
}

const frames = (labels: string): string => `busbar_frames_total{${labels}}`;
const calls = (direction: string, actionClass: string, outcome: string): string =>
  `busbar_calls_total{direction="${direction}",class="${actionClass}",outcome="${outcome}"}`;

describe('traffic', () => {
  test('a relayed call is a frame in on one link and a frame out on the other', async () => {
    const page = await after(call, call);
    expect(page.get(frames('side="station",backend="",direction="in",kind="call"'))).toBe(2);
    expect(page.get(frames('side="backend",backend="old",direction="out",kind="call"'))).toBe(2);
    expect(page.get(frames('side="station",backend="",direction="out",kind="call"'))).toBe(0);
  });

  test('a frame sent later is counted when it leaves', async () => {
    const queued: FrameRecord = { ...call, outcome: 'queued', relayedTo: null, relayedIdToken: null };
    const page = await after(queued, {
      ...call,
      type: 'sent',
      purpose: 'relay',
      kind: 'call',
      link: 'backend:old',
    });
    expect(page.get(frames('side="station",backend="",direction="in",kind="call"'))).toBe(1);
    expect(page.get(frames('side="backend",backend="old",direction="out",kind="call"'))).toBe(1);
  });

  test.each<[string, JournalRecord, string]>([
    ['an answer from the backend', answer, calls('from_station', 'transactions', 'result')],
    [
      'an error from the backend',
      { ...answer, kind: 'error', action: 'Authorize' },
      calls('from_station', 'authorisation', 'error'),
    ],
    [
      'an answer from the station',
      { ...answer, link: 'station', relayedTo: 'backend:old', action: 'Reset' },
      calls('to_station', 'command', 'result'),
    ],
    ['an action nobody knows', { ...answer, action: 'X' }, calls('from_station', 'other', 'result')],
    [
      'a malformed call',
      { ...call, outcome: 'answered', relayedTo: null },
      calls('from_station', 'transactions', 'answered_by_busbar'),
    ],
    [
      'a repeated call',
      { ...call, outcome: 'joined', relayedTo: null },
      calls('from_station', 'transactions', 'joined'),
    ],
    [
      'a command dropped',
      {
        type: 'dropped',
        at: 0,
        station: call.station,
        link: 'backend:old',
        action: 'Reset',
        reason: 'expired',
      },
      calls('to_station', 'command', 'expired'),
    ],
  ])('%s ends a call', async (_name, record, series) => {
    const page = await after(record);
    expect(page.get(series)).toBe(1);
    expect(
      [...page]
        .filter(([name]) => name.startsWith('busbar_calls_total'))
        .reduce((sum, [, value]) => sum + value, 0),
    ).toBe(1);
  });

  test.each(['late', 'repeated', 'foreign', 'ignored', 'refused'] as const)(
    'a %s frame is counted by its reason and ends nothing else',
    async (outcome) => {
      const page = await after({ ...answer, outcome, relayedTo: null });
      expect(page.get(`busbar_frames_dropped_total{reason="${outcome}"}`)).toBe(1);
      expect(page.get(calls('from_station', 'transactions', 'result'))).toBe(0);
    },
  );

  test('a backend’s answer time falls into every bucket from its own up', async () => {
    const page = await after(answer, { ...answer, latencyMs: 90_000 });
    const bucket = (le: string) => page.get(`busbar_backend_answer_seconds_bucket{backend="old",le="${le}"}`);
    expect([bucket('0.025'), bucket('0.05'), bucket('60'), bucket('+Inf')]).toEqual([0, 1, 1, 2]);
    expect(page.get('busbar_backend_answer_seconds_count{backend="old"}')).toBe(2);
    expect(page.get('busbar_backend_answer_seconds_sum{backend="old"}')).toBeCloseTo(90.04);
  });

  test('decisions, refusals and relay times are counted', async () => {
    const traffic = createTrafficMetrics();
    traffic.notice('identity_clash');
    traffic.refused('bad_credentials');
    traffic.refused('bad_credentials');
    traffic.refused(refusalOfStatus(409));
    traffic.relayed(0.000_07);
    const page = await pageOf(traffic);
    expect(page.get('busbar_notices_total{notice="identity_clash"}')).toBe(1);
    expect(page.get('busbar_notices_total{notice="journal_failing"}')).toBe(0);
    expect(page.get('busbar_refusals_total{reason="bad_credentials"}')).toBe(2);
    expect(page.get('busbar_refusals_total{reason="identity_in_use"}')).toBe(1);
    expect(page.get('busbar_relay_seconds_bucket{le="0.00005"}')).toBe(0);
    expect(page.get('busbar_relay_seconds_bucket{le="0.0001"}')).toBe(1);
  });
});

describe('what is held', () => {
  test('is shown as it is now, for every backend that is configured or that something is held for', async () => {
    const page = await pageOf(createTrafficMetrics());
    const of = (name: string) =>
      ['old', 'new', 'gone'].map((backend) => page.get(`busbar_${name}{backend="${backend}"}`));
    expect(of('held')).toEqual([5, 0, 1]);
    expect(of('parked')).toEqual([2, 0, 0]);
    expect(of('billing_at_risk')).toEqual([3, 0, 1]);
  });

  test('is counted by what came of it', async () => {
    const record = {
      type: 'delivery',
      at: 0,
      station: call.station,
      backend: 'old',
      number: 1,
      action: 'StopTransaction',
      delivery: null,
    } as const;
    const page = await after(
      { ...record, outcome: 'dropped' },
      { ...record, outcome: 'delivered' },
      { ...record, outcome: 'delivered' },
    );
    const of = (outcome: string) => page.get(`busbar_deliveries_total{backend="old",outcome="${outcome}"}`);
    expect(['delivered', 'refused', 'parked', 'retried', 'dropped'].map(of)).toEqual([2, 0, 0, 0, 1]);
  });
});

describe('the page', () => {
  test('shows links, journal and build as they are now', async () => {
    const page = await pageOf(createTrafficMetrics(), [0.002, 0.2]);
    expect(page.get('busbar_stations_connected')).toBe(7);
    expect(page.get('busbar_links{side="station",backend="",state="open"}')).toBe(7);
    expect(page.get('busbar_links{side="backend",backend="new",state="waiting"}')).toBe(1);
    expect(page.get('busbar_migrations{state="running"}')).toBe(1);
    expect(page.get('busbar_migrations{state="paused"}')).toBe(1);
    expect(page.get('busbar_migrations{state="draft"}')).toBe(0);
    expect(page.get('busbar_journal_records_missed_total')).toBe(2);
    expect(page.get('busbar_journal_pending_bytes')).toBe(512);
    expect(page.get('busbar_journal_commit_seconds_count')).toBe(2);
    expect(page.get('busbar_journal_commit_seconds_sum')).toBeCloseTo(0.202);
    expect(page.get('busbar_certificate_expiry_timestamp_seconds')).toBe(1_900_000_000);
    expect(page.get('busbar_build_info{version="0.1.0",node="v26.10.0"}')).toBe(1);
  });

  test('has no series where a family has none', async () => {
    const samples = vi.fn(() => [{ labels: {}, value: 7 }]);
    const family = { type: 'gauge', name: 'busbar_some', help: 'Some.', labelNames: [], samples } as const;
    const page = createMetricsPage({ families: [family], withProcess: false });
    expect(await page.text()).toMatch(/^busbar_some 7$/m);
    samples.mockReturnValue([]);
    expect(await page.text()).not.toMatch(/^busbar_some /m);
    samples.mockReturnValue([{ labels: {}, value: 8 }]);
    expect(await page.text()).toMatch(/^busbar_some 8$/m);
  });

  test('asked twice, it counts nothing twice', async () => {
    const traffic = createTrafficMetrics();
    traffic.observe(call);
    traffic.observe(answer);
    const families = traffic.families;
    const page = createMetricsPage({ families, withProcess: false });
    expect(await page.text()).toBe(await page.text());
  });

  test('is well-formed: every family described once, every series a number, none names a station', async () => {
    const traffic = createTrafficMetrics();
    for (const record of [call, answer, { ...answer, link: 'backend:a"b\\c' } as const])
      traffic.observe(record);
    const text = await textOf(traffic);
    const names = [...text.matchAll(/^# TYPE (\S+) (counter|gauge|histogram)$/gm)].map((match) => ({
      name: match[1] ?? '',
      type: match[2],
    }));
    expect(names.length).toBeGreaterThanOrEqual(14);
    expect(new Set(names.map(({ name }) => name)).size).toBe(names.length);
    for (const { name, type } of names) {
      expect(name).toMatch(/^busbar_[a-z_]+$/);
      expect(name.endsWith('_total')).toBe(type === 'counter');
      expect(text).toContain(`# HELP ${name} `);
    }
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    for (const line of series) expect(line).toMatch(/^[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)*\})? [0-9.e+-]+$/);
    expect(new Set(series.map((line) => line.slice(0, line.lastIndexOf(' ')))).size).toBe(series.length);
    expect(text).not.toContain('CP-1');
    expect(text).toContain('backend="a\\"b\\\\c"');
  });

  test('the process’s own measurements come beside them', async () => {
    const text = await createMetricsPage({ families: [], withProcess: true }).text();
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m);
  });
});
