/**
 * 100,000 structure-aware malformed frames from either side through a running gateway: each gets the answer that its version prescribes, or none,
 * none reaches the other side, and orderly stations on the same gateway notice nothing.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../src/protocol/version.ts';
import { startGatewayUnderTest, type GatewayUnderTest } from '../conformance/harness.ts';
import {
  connectRawStation,
  startRawBackend,
  type RawBackend,
  type RawPeer,
} from '../conformance/raw-peers.ts';
import { readSchemas, type SchemaVersion } from '../tools/copy-schemas.ts';
import { judge } from '../tools/malformed-frames-oracle.ts';
import { hostileMessage, malformedFrame, specimens, type Specimen } from '../tools/malformed-frames.ts';
import { seededRandom, type Random } from '../tools/seeded-random.ts';

const framesTotal = 100_000;
const linksPerVersion = 4;
/** Frames sent before the next answer is waited for: bounded, as a peer's socket buffer is. */
const batchFrames = 100;
const orderlyAnswerMsMax = 5_000;

let csms: RawBackend;
let gateway: GatewayUnderTest;
const pools = new Map<OcppVersion, readonly Specimen[]>();
const unhandled: unknown[] = [];
const onUnhandled = (reason: unknown): void => void unhandled.push(reason);

beforeAll(async () => {
  process.on('unhandledRejection', onUnhandled);
  csms = await startRawBackend();
  gateway = await startGatewayUnderTest({ backendUrl: csms.url });
  for (const version of ocppVersions) {
    const schemas = await readSchemas(version.replace('ocpp', '') as SchemaVersion);
    pools.set(version, specimens(schemas, seededRandom(1)));
  }
});

afterAll(async () => {
  await gateway.close();
  await csms.close();
  process.off('unhandledRejection', onUnhandled);
});

test('malformed frames are answered as prescribed and disturb nobody', async () => {
  const orderly = await Promise.all(ocppVersions.map(startOrderlyStation));
  const floods: Promise<Tally>[] = [];
  const links = ocppVersions.length * linksPerVersion * 2;
  for (const version of ocppVersions) {
    for (let link = 0; link < linksPerVersion; link += 1) {
      for (const side of ['station', 'backend'] as const) {
        floods.push(flood(version, side, `BAD-${version}-${side}-${link}`, Math.ceil(framesTotal / links)));
      }
    }
  }
  const tallies = await Promise.all(floods);
  const total = tallies.reduce((sum, tally) => ({
    sent: sum.sent + tally.sent,
    malformed: sum.malformed + tally.malformed,
    answers: sum.answers + tally.answers,
  }));
  expect(total.sent).toBeGreaterThanOrEqual(framesTotal);
  expect(total.answers).toBeGreaterThan(framesTotal / 10);

  const lives = await Promise.all(orderly.map((station) => station.stop()));
  for (const { exchanges, slowestMs } of lives) {
    expect(exchanges).toBeGreaterThan(20);
    expect(slowestMs).toBeLessThan(orderlyAnswerMsMax);
  }
  expect(gateway.troubles).toEqual([]);
  expect(unhandled).toEqual([]);

  // Each of them is on record, with what became of it.
  const outcomes = { answered: 0, ignored: 0 };
  for await (const record of gateway.readJournal()) {
    if (record.type !== 'frame' || record.kind !== 'invalid') continue;
    outcomes[record.outcome as keyof typeof outcomes] += 1;
  }
  expect(outcomes).toEqual({ answered: total.answers, ignored: total.malformed - total.answers });
});

test.each(['station', 'backend'] as const)(
  'what is no text at all costs a %s its link, and nobody else theirs',
  async (side) => {
    const orderly = await Promise.all(ocppVersions.map(startOrderlyStation));
    const random = seededRandom(5);
    const hostile = Array.from({ length: 40 }, (_, round) => {
      const version = ocppVersions[round % ocppVersions.length] ?? 'ocpp1.6';
      return { version, round, message: hostileMessage(random, pools.get(version) ?? [], 'h-1') };
    });
    // At once: a station whose link is lost is waited for, before its backend's link is closed.
    await Promise.all(
      hostile.map(async ({ version, round, message: { data, isBinary } }) => {
        const name = `HOSTILE-${side}-${round}`;
        const station = await connectRawStation(gateway.url, name, version);
        const backend = await csms.peerOf(name);
        // Binary frames and text that is no UTF-8 are refused by WebSocket itself (RFC 6455 §7.4.1: 1003, 1007).
        const [sender, other] = side === 'station' ? [station, backend] : [backend, station];
        sender.send(data, isBinary);
        expect(await sender.closed).toBe(isBinary ? 1003 : 1007);
        // A station and its backend have no use for one another's half of a link (OCPP 2.0.1 Part 4 §6.3).
        await other.closed;
        expect(other.inbox).toEqual([]);
      }),
    );
    for (const { exchanges } of await Promise.all(orderly.map((station) => station.stop())))
      expect(exchanges).toBeGreaterThan(0);
    expect(gateway.troubles).toEqual([]);
  },
);

interface Tally {
  /** Texts sent; those that are no frames; those of them that were answered. */
  readonly sent: number;
  readonly malformed: number;
  readonly answers: number;
}

/** Sends malformed frames over one link, batch by batch, and checks every answer, in order. */
async function flood(
  version: OcppVersion,
  side: 'station' | 'backend',
  name: string,
  frames: number,
): Promise<Tally> {
  const station = await connectRawStation(gateway.url, name, version);
  const backend = await csms.peerOf(name);
  const [sender, other] = side === 'station' ? [station, backend] : [backend, station];
  const seed = seedOf(name);
  const random = seededRandom(seed);
  let sent = 0;
  let malformed = 0;
  let answers = 0;
  while (sent < frames) {
    const expected: (readonly [string, string])[] = [];
    for (let count = 0; count < batchFrames; count += 1) {
      const text = nextMalformed(version, random, `${name}-${sent}`);
      const verdict = judge(version, text);
      if (!verdict.isFrame) malformed += 1;
      if (!verdict.isFrame && verdict.answer !== null) {
        expected.push([`[4,${verdict.answer.id},"${verdict.answer.code}",`, text]);
      }
      sender.send(text);
      sent += 1;
    }
    // An orderly call behind the batch: once it came through, every answer of the batch has come, too.
    sender.send(`[2,"end-${sent}","DataTransfer",{"vendorId":"${name}"}]`);
    const call = JSON.parse(await other.next()) as [number, string, string, unknown];
    expect([call[0], call[2], call[3]]).toEqual([2, 'DataTransfer', { vendorId: name }]);
    other.send(`[3,"${call[1]}",{"status":"Accepted"}]`);
    for (const [prescribed, text] of expected) {
      const answer = await sender.next();
      if (!answer.startsWith(prescribed)) {
        throw new Error(
          `seed ${seed}: ${text.slice(0, 300)} was answered ${answer.slice(0, 300)}, prescribed: ${prescribed}`,
        );
      }
      answers += 1;
    }
    expect(await sender.next()).toBe(`[3,"end-${sent}",{"status":"Accepted"}]`);
  }
  expect([sender.inbox, other.inbox]).toEqual([[], []]);
  await station.close();
  return { sent, malformed, answers };
}

/** The next text that is no call and no SEND: those that survived their spoiling would be relayed, which other tests look at. */
function nextMalformed(version: OcppVersion, random: Random, id: string): string {
  for (;;) {
    // A lone surrogate cannot be sent as UTF-8; what leaves is the replacement character.
    const text = malformedFrame(random, pools.get(version) ?? [], id).toWellFormed();
    const verdict = judge(version, text);
    if (!verdict.isFrame || !['2', '6'].includes(verdict.elements[0] ?? '')) return text;
  }
}

interface Orderly {
  stop(): Promise<{ readonly exchanges: number; readonly slowestMs: number }>;
}

/** A station and its backend that exchange calls both ways, one after the other, until they are told to stop. */
async function startOrderlyStation(version: OcppVersion): Promise<Orderly> {
  const name = `GOOD-${version}-${orderlyCount++}`;
  const station = await connectRawStation(gateway.url, name, version);
  const backend = await csms.peerOf(name);
  const stopping = new AbortController();
  let exchanges = 0;
  let slowestMs = 0;
  async function exchange(caller: RawPeer, callee: RawPeer, count: number): Promise<void> {
    const started = performance.now();
    caller.send(`[2,"${count}","DataTransfer",{"vendorId":"${name}","data":"${count}"}]`);
    const [, id, , payload] = JSON.parse(await callee.next()) as [number, string, string, unknown];
    expect(payload).toEqual({ vendorId: name, data: `${count}` });
    callee.send(`[3,"${id}",{"status":"Accepted","data":"${count}"}]`);
    expect(await caller.next()).toBe(`[3,"${count}",{"status":"Accepted","data":"${count}"}]`);
    slowestMs = Math.max(slowestMs, performance.now() - started);
  }
  async function live(): Promise<void> {
    for (let count = 0; !stopping.signal.aborted; count += 1) {
      await exchange(station, backend, count);
      await exchange(backend, station, count);
      exchanges += 2;
    }
  }
  const life = live();
  return {
    stop: async () => {
      stopping.abort();
      await life;
      await station.close();
      return { exchanges, slowestMs };
    },
  };
}

let orderlyCount = 0;

function seedOf(name: string): number {
  let seed = 17;
  for (let at = 0; at < name.length; at += 1) seed = (seed * 31 + name.charCodeAt(at)) | 0;
  return seed;
}
