/** What a hostile or broken peer may do on a link, or before it has one, and what becomes of it. */
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import type { LinkLimits } from '../../src/ports/settings.ts';
import {
  clientFrame,
  knock,
  rawClient,
  settingsWith,
  startListener,
  until,
  upgradeText,
  type LinkStory,
  type RawClient,
  type TestListener,
} from './edge-harness.ts';

const open: TestListener[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map(({ listener }) => listener.close()));
});

async function start(limits: Partial<LinkLimits> = {}): Promise<TestListener> {
  const started = await startListener(settingsWith({ limits: { closeTimeoutMs: 200, ...limits } }));
  open.push(started);
  return started;
}

/** A station that speaks WebSocket by hand. */
async function rawStation(
  started: TestListener,
  station = 'CP-1',
): Promise<{ client: RawClient; story: LinkStory }> {
  const client = await rawClient(started.port);
  client.socket.on('error', () => {});
  const before = started.door.accepted.length;
  client.socket.write(upgradeText(`/${station}`));
  await until(() => client.received.includes('\r\n\r\n'), 'the upgrade was answered');
  const accepted = started.door.accepted[before] ?? expect.fail('not accepted');
  client.received = '';
  return { client, story: accepted.story };
}

/** The close frame a raw station got: its code and reason. */
function closeFrame(client: RawClient): { code: number; reason: string } | null {
  const bytes = Buffer.from(client.received, 'latin1');
  const at = bytes.indexOf(0x88);
  if (at === -1 || bytes.length < at + 4) return null;
  const length = bytes[at + 1] ?? 0;
  return { code: bytes.readUInt16BE(at + 2), reason: bytes.subarray(at + 4, at + 2 + length).toString() };
}

async function closed(story: LinkStory): Promise<LinkStory['closed']> {
  await until(() => story.closed !== null, 'the owner was told of the close');
  return story.closed;
}

test('a message as large as the bound passes, one octet more closes the link with 1009', async () => {
  const started = await start({ stationFrameBytes: 1_000 });
  const { client, story } = await rawStation(started);
  client.socket.write(clientFrame(1, 'x'.repeat(1_000)));
  await until(() => story.texts.length === 1, 'the largest message');
  client.socket.write(clientFrame(1, 'x'.repeat(1_001)));
  expect(await closed(story)).toEqual({ code: 1009, reason: 'frame_too_big' });
  expect(closeFrame(client)).toEqual({ code: 1009, reason: 'frame_too_big' });
});

test('fragments together beyond the bound close the link with 1009', async () => {
  const started = await start({ stationFrameBytes: 1_000 });
  const { client, story } = await rawStation(started);
  client.socket.write(clientFrame(1, 'x'.repeat(600), false));
  client.socket.write(clientFrame(0, 'x'.repeat(600), true));
  expect(await closed(story)).toEqual({ code: 1009, reason: 'frame_too_big' });
  expect(story.texts).toEqual([]);
});

test('fragments up to the bound are one message; a station that never ends one is closed with 1008', async () => {
  const started = await start({ fragmentsMax: 8 });
  const whole = await rawStation(started);
  whole.client.socket.write(clientFrame(1, 'a', false));
  for (let at = 0; at < 6; at += 1) whole.client.socket.write(clientFrame(0, 'b', false));
  whole.client.socket.write(clientFrame(0, 'c', true));
  await until(() => whole.story.texts.length === 1, 'the fragments became one message');
  expect(whole.story.texts).toEqual(['abbbbbbc']);

  const endless = await rawStation(started, 'CP-2');
  endless.client.socket.write(clientFrame(1, 'a', false));
  for (let at = 0; at < 8; at += 1) endless.client.socket.write(clientFrame(0, 'b', false));
  expect(await closed(endless.story)).toEqual({ code: 1008, reason: 'too_many_fragments' });
});

test.each([
  [
    'a message whose bytes stop',
    (client: RawClient) => client.socket.write(clientFrame(1, 'x'.repeat(100)).subarray(0, 50)),
  ],
  ['a header cut in two', (client: RawClient) => client.socket.write(clientFrame(1, 'x').subarray(0, 1))],
  [
    'a fragment with nothing but a ping behind it',
    (client: RawClient) =>
      client.socket.write(Buffer.concat([clientFrame(1, 'x', false), clientFrame(9, '')])),
  ],
])('%s is closed at the deadline with 1008', async (_name, send) => {
  const started = await start({ messageTimeoutMs: 80 });
  const { client, story } = await rawStation(started);
  const sinceMs = performance.now();
  send(client);
  expect(await closed(story)).toEqual({ code: 1008, reason: 'message_too_slow' });
  expect(performance.now() - sinceMs).toBeGreaterThan(75);
});

test('a station that drips one octet after the other is closed at the deadline', async () => {
  const started = await start({ messageTimeoutMs: 100 });
  const { client, story } = await rawStation(started);
  const frame = clientFrame(1, 'x'.repeat(100));
  let sent = 0;
  const drip = setInterval(() => client.socket.write(frame.subarray(sent, (sent += 1))), 10);
  expect(await closed(story)).toEqual({ code: 1008, reason: 'message_too_slow' });
  clearInterval(drip);
  expect(sent).toBeLessThan(100);
});

test('messages that are each in time, always with the next one begun, are not slow', async () => {
  const started = await start({ messageTimeoutMs: 100 });
  const { client, story } = await rawStation(started);
  const frame = clientFrame(1, 'hello');
  const tail = Buffer.concat([frame.subarray(5), frame.subarray(0, 5)]);
  client.socket.write(frame.subarray(0, 5));
  const talk = setInterval(() => client.socket.write(tail), 20);
  await until(() => story.texts.length >= 15, 'fifteen messages over three deadlines');
  clearInterval(talk);
  expect(story.closed).toBeNull();
});

test('reading that Busbar itself paused does not make a message slow', async () => {
  const started = await start({ messageTimeoutMs: 60 });
  const { client, story } = await rawStation(started);
  const second = clientFrame(1, 'x'.repeat(100));
  client.socket.write(Buffer.concat([clientFrame(1, 'first'), second.subarray(0, 50)]));
  await until(() => story.texts.length === 1, 'the first message, and half of the second with it');
  const { link } = started.door.accepted[0] ?? expect.fail('no link');
  link.pause();
  const resumeAtMs = performance.now() + 200;
  await until(() => performance.now() > resumeAtMs, 'three deadlines passed');
  expect(story.closed).toBeNull();
  client.socket.write(second.subarray(50));
  link.resume();
  await until(() => story.texts.length === 2, 'the message came after all');
});

test('a binary frame closes the link with 1003, and what follows it is not looked at', async () => {
  const started = await start();
  const { client, story } = await rawStation(started);
  client.socket.write(Buffer.concat([clientFrame(2, 'x'), clientFrame(1, 'never')]));
  await until(() => closeFrame(client) !== null, 'the close frame');
  expect(closeFrame(client)).toEqual({ code: 1003, reason: 'binary_frame' });
  client.socket.write(clientFrame(8, Buffer.from([0x03, 0xeb])));
  expect(await closed(story)).toEqual({ code: 1003, reason: 'binary_frame' });
  expect(story.texts).toEqual([]);
});

test('a text that is not UTF-8 closes the link with 1007, an unmasked frame with 1002', async () => {
  const started = await start();
  const first = await rawStation(started);
  first.client.socket.write(clientFrame(1, Buffer.from([0xc3, 0x28])));
  expect(await closed(first.story)).toEqual({ code: 1007, reason: 'invalid_utf8' });
  expect(closeFrame(first.client)).toEqual({ code: 1007, reason: 'invalid_utf8' });
  const second = await rawStation(started, 'CP-2');
  second.client.socket.write(Buffer.from([0x81, 0x01, 0x78]));
  expect(await closed(second.story)).toEqual({ code: 1002, reason: 'protocol_fault' });
});

test('pings within the bound are answered, a flood of them closes the link at once', async () => {
  const started = await start({ controlFramesPerSecond: 10 });
  const { client, story } = await rawStation(started);
  for (let at = 0; at < 5; at += 1) client.socket.write(clientFrame(9, 'p'));
  await until(() => client.received.length >= 15, 'five pongs');
  expect(story.closed).toBeNull();
  for (let at = 0; at < 10_000; at += 1) client.socket.write(clientFrame(9, 'p'));
  expect(await closed(story)).toEqual({ code: 1008, reason: 'ping_flood' });
});

test('a peer that never answers a close is cut at the deadline, and its owner still hears the code and reason', async () => {
  const started = await start({ closeTimeoutMs: 100 });
  const { client, story } = await rawStation(started);
  started.door.accepted[0]?.link.close(1001, 'drain');
  await until(() => closeFrame(client) !== null, 'the close frame');
  expect(story.closed).toBeNull();
  expect(await closed(story)).toEqual({ code: 1001, reason: 'drain' });
  await until(() => client.isEnded, 'the connection was cut');
});

test('a peer that does not read is congested, drained once it reads again, and cut when it never does', async () => {
  const started = await start({ congestedBytes: 100_000, bufferedBytesMax: 40_000_000 });
  const { client, story } = await rawStation(started);
  const { link } = started.door.accepted[0] ?? expect.fail('no link');
  client.socket.pause();
  const text = 'x'.repeat(1_000_000);
  while (link.bufferedBytes <= 10_000_000) expect(link.send(text)).toBe(true);
  expect(story.drained).toBe(0);
  client.socket.resume();
  await until(() => story.drained === 1, 'the owner heard that the buffer is empty');
  expect(link.bufferedBytes).toBe(0);
  client.socket.pause();
  while (link.send(text)) expect(link.bufferedBytes).toBeLessThan(45_000_000);
  expect(await closed(story)).toEqual({ code: null, reason: 'peer_too_slow' });
  expect(story.drained).toBe(1);
});

test('a new link under the same name is not touched by the end of the old one', async () => {
  const started = await start();
  const first = await rawStation(started);
  const second = await rawStation(started);
  first.client.socket.destroy();
  await closed(first.story);
  second.client.socket.write(clientFrame(1, 'still here'));
  await until(() => second.story.texts.length === 1, 'the new link works');
  expect(second.story.closed).toBeNull();
});

test('half-open and dripping handshakes end at their deadline, however slowly they go on', async () => {
  const started = await start({ handshakeTimeoutMs: 300 });
  const silent = await rawClient(started.port);
  const dripping = await rawClient(started.port);
  for (const { socket } of [silent, dripping]) socket.on('error', () => {});
  const request = upgradeText('/CP-1');
  let sent = 0;
  const drip = setInterval(() => dripping.socket.write(request.slice(sent, (sent += 1))), 20);
  await until(() => silent.isEnded && dripping.isEnded, 'both were cut');
  clearInterval(drip);
  expect(started.door.refusals).toEqual(
    Array.from({ length: 2 }, () => ({ refusal: 'timed_out', status: 0, station: null })),
  );
  expect(started.door.arrivals).toEqual([]);
});

test('half-open handshakes from one port to two addresses of the machine both end at their deadline', async () => {
  const started = await startListener({
    ...settingsWith({ limits: { handshakeTimeoutMs: 300 } }),
    host: '0.0.0.0',
  });
  open.push(started);
  const first = await rawClient(started.port, '127.0.0.1', '127.0.0.1');
  const { localPort } = first.socket;
  const second = connect({ port: started.port, host: '127.0.0.2', localAddress: '127.0.0.1', localPort });
  await once(second, 'connect');
  await Promise.all([first.socket, second].map((socket) => once(socket.resume(), 'close')));
  expect(started.door.refusals).toHaveLength(2);
});

test('a thousand half-open handshakes do not keep a good station out', async () => {
  const started = await start({ handshakesMax: 200 });
  const attackers = await Promise.all(Array.from({ length: 1_000 }, () => rawClient(started.port)));
  for (const { socket } of attackers) socket.on('error', () => {});
  const sinceMs = performance.now();
  const answer = await knock(`ws://127.0.0.1:${started.port}/CP-1`);
  expect(answer.kind).toBe('open');
  // The first places are freed after two seconds; from then on the newest gets the next one.
  expect(performance.now() - sinceMs).toBeLessThan(3_500);
  const againMs = performance.now();
  expect((await knock(`ws://127.0.0.1:${started.port}/CP-2`)).kind).toBe('open');
  expect(performance.now() - againMs).toBeLessThan(1_000);
  expect(started.door.refusals.every(({ refusal }) => refusal === 'too_many_handshakes')).toBe(true);
  for (const { socket } of attackers) socket.destroy();
});

test('two thousand stations that come at once, ten times the places, all enter', async () => {
  const started = await start({ handshakesMax: 200 });
  const stations = Array.from(
    { length: 2_000 },
    (_, at) =>
      new WebSocket(`ws://127.0.0.1:${started.port}/CP-${at}`, ['ocpp1.6'], { perMessageDeflate: false }),
  );
  let failed = 0;
  for (const station of stations) station.on('error', () => (failed += 1));
  await until(() => started.door.accepted.length === 2_000, 'all entered', 20_000);
  expect(failed).toBe(0);
  expect(started.door.refusals).toEqual([]);
  for (const station of stations) station.terminate();
});
