/**
 * That each limit is what holds: the same peer at a Busbar with its limits, and at one whose limits are as high as the configuration allows.
 *
 * So the claims of hostile.test.ts can fail. Two times are a second where limits hold, to be seen soon.
 */
import type { Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admitted, attack, attacks, type Attack } from '../../src/testkit/attacks.ts';
import { rawFrame, type Tally } from '../../src/testkit/attacks-raw.ts';
import { startWorld, type HostileWorld } from './hostile-world.ts';

const limited = 'limits: { messageTimeout: 1s, handshakeTimeout: 1s }';
const unlimited = `limits:
  stationFrame: 64MiB
  callsPerSecond: unlimited
  connectsPerHour: unlimited
  fragments: 100000
  messageTimeout: 1h
  controlFramesPerSecond: 100000
  handshakes: 100000
  handshakeTimeout: 5min
  upgradeTimeout: 5min
  failuresPerMinute: 100000
`;

let held: HostileWorld;
let open: HostileWorld;

beforeAll(async () => {
  [held, open] = await Promise.all([
    startWorld({ security: 'plain', limits: limited }),
    startWorld({ security: 'plain', limits: unlimited }),
  ]);
});

afterAll(() => Promise.all([held.close(), open.close()]));

/** A few stations that each write this once. */
function once(octets: Buffer): Attack {
  return { sockets: 5, open: admitted((socket: Socket) => void socket.write(octets)) };
}

async function onBoth(what: Attack, seconds: number): Promise<{ held: Tally; open: Tally }> {
  const [onHeld, onOpen] = await Promise.all([
    attack(what, held.target, seconds),
    attack(what, open.target, seconds),
  ]);
  return { held: onHeld, open: onOpen };
}

/** Links that were cut or closed: who does not answer a close is cut some seconds later. */
function ended({ cut, answers }: Tally): number {
  return Math.max(cut, (answers['1008'] ?? 0) + (answers['1009'] ?? 0));
}

const fragments = Buffer.concat(
  Array.from({ length: 1_000 }, (_, at) => rawFrame(at === 0 ? 1 : 0, 'x', { isFinal: false })),
);
const pings = Buffer.concat(Array.from({ length: 50 }, () => rawFrame(9, 'x')));

test.each<readonly [string, Attack, number]>([
  ['handshakeTimeout: who says nothing', { ...attacks.idle, sockets: 20 }, 3],
  ['handshakeTimeout: who drips headers', { ...attacks.slowloris, sockets: 20 }, 3],
  ['messageTimeout: who drips a message', { ...attacks.slowMessages, sockets: 5 }, 4],
  ['stationFrame: who sends a large frame', once(rawFrame(1, 'x'.repeat(1_000_000))), 2],
  ['fragments: who never ends a message', once(fragments), 2],
  ['controlFramesPerSecond: who floods with pings', once(pings), 2],
])('%s is cut, and without the limit stays', async (_name, what, seconds) => {
  const tallies = await onBoth(what, seconds);
  expect(ended(tallies.held), JSON.stringify(tallies)).toBeGreaterThanOrEqual(what.sockets);
  expect(ended(tallies.open), JSON.stringify(tallies)).toBe(0);
});

test('callsPerSecond: of a thousand texts a few hundred are read in the first second or two, and without the limit all', async () => {
  const texts = Buffer.concat(
    Array.from({ length: 1_000 }, () => rawFrame(1, `[3,"nobody",{"x":"${'x'.repeat(4_000)}"}]`)),
  );
  const before = { held: await resultsRead(held), open: await resultsRead(open) };
  await onBoth({ ...once(texts), sockets: 1 }, 2);
  expect((await resultsRead(open)) - before.open).toBe(1_000);
  expect((await resultsRead(held)) - before.held).toBeLessThan(300);
});

test('connectsPerHour: one identity is refused with 429, and without the limit never', async () => {
  const tallies = await onBoth({ ...attacks.oneIdentity, sockets: 5 }, 4);
  expect(tallies.held.answers['429']).toBeGreaterThan(0);
  expect(tallies.open.answers['429']).toBeUndefined();
});

/** Results from stations that Busbar has counted. */
async function resultsRead({ adminPort }: HostileWorld): Promise<number> {
  const page = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  const results = page
    .split('\n')
    .filter((line) => line.startsWith('busbar_frames_total{') && line.includes('side="station"'))
    .filter((line) => line.includes('direction="in"') && line.includes('kind="result"'));
  return results.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}
