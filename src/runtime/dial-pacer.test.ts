import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DialFault } from '../core/station/events.ts';
import type { Dialer, DialOutcome, DialRequest } from '../ports/dialer.ts';
import type { Link, LinkHandler } from '../ports/link.ts';
import type { StationId } from '../protocol/station-id.ts';
import { createDialPacer } from './dial-pacer.ts';

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

const clock = { wallMs: () => Date.now(), nowMs: () => performance.now() };
const link = {} as Link;
const handler: LinkHandler<string> = { onText() {}, onPong() {}, onDrained() {}, onClosed() {} };

/** A dialer whose dials end when the test says so. */
function heldDialer() {
  const started: {
    owner: unknown;
    atMs: number;
    open: () => void;
    refuse: (fault: DialFault) => void;
    isAbandoned: boolean;
  }[] = [];
  const dialer: Dialer = {
    dial(_request, _handler, outcome, owner) {
      const entry = {
        owner,
        atMs: performance.now(),
        open: () => outcome.onOpened(owner, link),
        refuse: (fault: DialFault) => outcome.onRefused(owner, fault, 'as told'),
        isAbandoned: false,
      };
      started.push(entry);
      return () => {
        entry.isAbandoned = true;
      };
    },
  };
  return { dialer, started };
}

/** Remembers outcomes as sentences. */
function newOutcome() {
  const told: string[] = [];
  const outcome: DialOutcome<string> = {
    onOpened: (owner) => told.push(`${owner} opened`),
    onRefused: (owner, fault, detail) => told.push(`${owner} ${fault}: ${detail}`),
  };
  return { told, outcome };
}

function requestTo(name: string, connectsPerSecond: number): DialRequest {
  const backend = { name, connectsPerSecond } as DialRequest['backend'];
  return { station: 'CP-1' as StationId, known: null, backend, version: 'ocpp1.6', forwarded: null };
}

test('dials of one backend start evenly spaced, in order; another backend does not wait for them', () => {
  const { dialer, started } = heldDialer();
  const { outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  const sinceMs = performance.now();
  for (let at = 0; at < 5; at += 1) pacer.dial(requestTo('old', 10), handler, outcome, `old ${at}`);
  pacer.dial(requestTo('new', 10), handler, outcome, 'new 0');
  expect(started).toEqual([]);
  vi.advanceTimersByTime(1_000);
  const atMs = new Map(started.map((entry) => [entry.owner, Math.round(entry.atMs - sinceMs)]));
  expect([...atMs.keys()].filter((owner) => String(owner).startsWith('old'))).toEqual([
    'old 0',
    'old 1',
    'old 2',
    'old 3',
    'old 4',
  ]);
  expect(atMs.get('new 0')).toBeLessThan(10);
  for (let at = 0; at < 5; at += 1) {
    expect(atMs.get(`old ${at}`)).toBeGreaterThanOrEqual(at * 100 - 1);
    expect(atMs.get(`old ${at}`)).toBeLessThan(at * 100 + 10);
  }
});

test('a pause is not saved up for a burst', () => {
  const { dialer, started } = heldDialer();
  const { outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  pacer.dial(requestTo('old', 10), handler, outcome, 'first');
  vi.advanceTimersByTime(60_000);
  for (let at = 0; at < 20; at += 1) pacer.dial(requestTo('old', 10), handler, outcome, `${at}`);
  vi.advanceTimersByTime(500);
  expect(started.length).toBeLessThanOrEqual(1 + 1 + 6);
});

test('without a pace everything starts, but never more than 256 unanswered at a time', () => {
  const { dialer, started } = heldDialer();
  const { told, outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  for (let at = 0; at < 300; at += 1) pacer.dial(requestTo('old', Infinity), handler, outcome, `${at}`);
  vi.advanceTimersByTime(1_000);
  expect(started).toHaveLength(256);
  expect(pacer.waiting('old')).toBe(44);
  started[0]?.open();
  started[1]?.refuse('connect_failed');
  vi.advanceTimersByTime(100);
  expect(started).toHaveLength(258);
  expect(told).toEqual(['0 opened', '1 connect_failed: as told']);
});

test('who would wait longer than 8 s is refused at once, but never before dial returns', () => {
  const { dialer, started } = heldDialer();
  const { told, outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  for (let at = 0; at < 12; at += 1) pacer.dial(requestTo('old', 1), handler, outcome, `${at}`);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(10);
  expect(told).toEqual(
    ['9', '10', '11'].map((owner) => `${owner} not_paced: 9 s of dials wait for this backend already`),
  );
  expect(pacer.waiting('old')).toBe(8);
  vi.advanceTimersByTime(8_100);
  expect(started.map(({ owner }) => owner)).toEqual(['0', '1', '2', '3', '4', '5', '6', '7', '8']);
});

test('who gets no turn because earlier dials hang is refused after 9 s', () => {
  const { dialer, started } = heldDialer();
  const { told, outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  for (let at = 0; at < 257; at += 1) pacer.dial(requestTo('old', Infinity), handler, outcome, `${at}`);
  vi.advanceTimersByTime(8_900);
  expect(told).toEqual([]);
  vi.advanceTimersByTime(200);
  expect(told).toEqual(['256 not_paced: no turn within 9 s: the backend answers dials too slowly']);
  expect(started).toHaveLength(256);
});

test('an abandoned dial is told nothing and gives its place or its turn to the next', () => {
  const { dialer, started } = heldDialer();
  const { told, outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  const abandon = Array.from({ length: 258 }, (_, at) =>
    pacer.dial(requestTo('old', Infinity), handler, outcome, `${at}`),
  );
  vi.advanceTimersByTime(100);
  abandon[256]?.();
  abandon[256]?.();
  expect(pacer.waiting('old')).toBe(1);
  abandon[3]?.();
  abandon[3]?.();
  expect(started[3]?.isAbandoned).toBe(true);
  vi.advanceTimersByTime(100);
  expect(started.map(({ owner }) => owner).at(-1)).toBe('257');
  expect(started).toHaveLength(257);
  const late = Array.from({ length: 20 }, (_, at) =>
    pacer.dial(requestTo('slow', 1), handler, outcome, `slow ${at}`),
  );
  for (const give of late) give();
  vi.advanceTimersByTime(30_000);
  expect(told.filter((sentence) => sentence.startsWith('slow'))).toEqual([]);
  expect(pacer.waiting('slow')).toBe(0);
});

test('after close nothing starts and no timer is left', () => {
  const { dialer, started } = heldDialer();
  const { told, outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  for (let at = 0; at < 3; at += 1) pacer.dial(requestTo('old', 1), handler, outcome, `${at}`);
  pacer.close();
  vi.advanceTimersByTime(20_000);
  expect([started, told, vi.getTimerCount()]).toEqual([[], [], 0]);
});

test('a backend whose pace a reload has raised is dialled at the new one at once', () => {
  const { dialer, started } = heldDialer();
  const { told, outcome } = newOutcome();
  const pacer = createDialPacer(dialer, clock);
  pacer.dial(requestTo('old', 1 / 3_600), handler, outcome, 'slow');
  vi.advanceTimersByTime(100);
  pacer.dial(requestTo('old', 10), handler, outcome, 'fast');
  vi.advanceTimersByTime(200);
  expect(told).toEqual([]);
  expect(started.map(({ owner }) => owner)).toEqual(['slow', 'fast']);
});
