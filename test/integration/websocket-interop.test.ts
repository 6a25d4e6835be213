/** Our links against `ws`, both ways round, plain and over TLS: what passes, how a link ends, and what a bad peer gets. */
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createDialer } from '../../src/adapters/websocket/dialer.ts';
import type { Link } from '../../src/ports/link.ts';
import type { LinkLimits, ServerTls } from '../../src/ports/settings.ts';
import { Secret } from '../../src/std/secret.ts';
import { createAuthority } from '../../src/testkit/certificates.ts';
import {
  knock,
  newStory,
  settingsWith,
  startListener,
  stationId,
  storyHandler,
  testLimits,
  until,
  type LinkStory,
} from './edge-harness.ts';

/** One link of ours and the `ws` at its other end. */
interface Pair {
  readonly link: Link;
  readonly story: LinkStory;
  readonly peer: WebSocket;
  /** Under the peer. */
  readonly peerSocket: Socket;
  /** Texts that the peer got. */
  readonly got: string[];
  peerClosed: { readonly code: number; readonly reason: string } | null;
}

let tls: { readonly cert: string; readonly key: string; readonly ca: string };
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  const authority = await createAuthority('CA');
  const issued = await authority.issue({
    use: 'server',
    keyType: 'ecdsa',
    commonName: 'localhost',
    names: ['127.0.0.1'],
  });
  tls = { cert: issued.cert, key: issued.key, ca: authority.cert };
});

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()));
});

function pairOf(link: Link, story: LinkStory, peer: WebSocket): Pair {
  // Where `ws` keeps its socket; the tests reach beneath it to break what it would not.
  const peerSocket = Reflect.get(peer, '_socket') as Socket;
  const pair: Pair = { link, story, peer, peerSocket, got: [], peerClosed: null };
  peer.on('message', (data: Buffer) => pair.got.push(data.toString()));
  peer.on('close', (code, reason) => {
    pair.peerClosed = { code, reason: reason.toString() };
  });
  peer.on('error', () => {});
  return pair;
}

/** Busbar is the server. */
async function stationPair(isTls: boolean, limits: Partial<LinkLimits>): Promise<Pair> {
  const serverTls: ServerTls | null = isTls
    ? { pairs: [{ cert: tls.cert, key: new Secret(Buffer.from(tls.key)) }], clientCa: null }
    : null;
  const started = await startListener(settingsWith({ tls: serverTls, limits }));
  closers.push(() => started.listener.close());
  const url = `${isTls ? 'wss' : 'ws'}://127.0.0.1:${started.port}/CP-1`;
  const answer = await knock(url, ['ocpp1.6'], isTls ? { ca: tls.ca } : {});
  const [accepted] = started.door.accepted;
  if (answer.kind !== 'open' || accepted === undefined) throw new Error('not open');
  return pairOf(accepted.link, accepted.story, answer.socket);
}

/** Busbar is the client. */
async function backendPair(isTls: boolean, limits: Partial<LinkLimits>): Promise<Pair> {
  const server = isTls ? createHttpsServer({ cert: tls.cert, key: tls.key }) : createHttpServer();
  const webSockets = new WebSocketServer({ server });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const dialer = createDialer({ ...testLimits, ...limits });
  closers.push(async () => {
    await dialer.close();
    for (const client of webSockets.clients) client.terminate();
    server.close();
  });
  const peer = new Promise<WebSocket>((resolve) => {
    webSockets.once('connection', resolve);
  });
  const story = newStory();
  const link = Promise.withResolvers<Link>();
  const backend = {
    name: 'old',
    url: `${isTls ? 'wss' : 'ws'}://127.0.0.1:${(server.address() as AddressInfo).port}/{station}`,
    identity: '{station}',
    versions: ['ocpp1.6'],
    credentials: { kind: 'none' },
    headers: new Map<string, string>(),
    tls: { ca: isTls ? [tls.ca] : null, cert: null, key: null },
    callTimeoutMs: 30_000,
    redialFromMs: 1_000,
    redialToMs: 60_000,
    connectsPerSecond: Infinity,
    deliveriesPerSecond: Infinity,
  } as const;
  dialer.dial(
    { station: stationId('CP-1'), known: null, backend, version: 'ocpp1.6', forwarded: null },
    storyHandler,
    {
      onOpened: (_owner, opened) => link.resolve(opened),
      onRefused: (_owner, fault, detail) => link.reject(new Error(`${fault}: ${detail}`)),
    },
    story,
  );
  return pairOf(await link.promise, story, await peer);
}

describe.each([
  ['a station, plain', stationPair, false],
  ['a station over TLS', stationPair, true],
  ['a backend, plain', backendPair, false],
  ['a backend over TLS', backendPair, true],
] as const)('%s', (_name, connect, isTls) => {
  const open = (limits: Partial<LinkLimits> = {}): Promise<Pair> =>
    connect(isTls, { closeTimeoutMs: 300, ...limits });

  test('texts of every size pass both ways, to the byte and in order', async () => {
    const { link, story, peer, got } = await open();
    const texts = [0, 1, 125, 126, 4_090, 16_384, 65_535, 65_536, 131_000].flatMap((size) => [
      'x'.repeat(size),
      `ß${'y'.repeat(Math.max(0, size - 10))}😀`,
    ]);
    for (const text of texts) {
      peer.send(text);
      link.send(text);
    }
    await until(() => story.texts.length === texts.length && got.length === texts.length, 'all texts');
    expect(story.texts).toEqual(texts);
    expect(got).toEqual(texts);
    expect(link.bufferedBytes).toBe(0);
  });

  test('fragments with a ping between them are one text, and pings are answered both ways', async () => {
    const { link, story, peer } = await open();
    const pongs: string[] = [];
    peer.on('pong', (data) => pongs.push(data.toString()));
    peer.send('a', { fin: false });
    peer.send('b€'.repeat(2_000), { fin: false });
    peer.ping('between');
    peer.send('c', { fin: true });
    link.ping();
    await until(() => story.texts.length === 1 && pongs.length === 1 && story.pongs === 1, 'text and pongs');
    expect(story.texts).toEqual([`a${'b€'.repeat(2_000)}c`]);
    expect(pongs).toEqual(['between']);
  });

  test('a close by the peer is answered with its own code', async () => {
    const pair = await open();
    pair.peer.send('last words');
    pair.peer.close(4_001, 'wartung €');
    await until(() => pair.story.closed !== null && pair.peerClosed !== null, 'both closed');
    expect(pair.story).toMatchObject({
      texts: ['last words'],
      closed: { code: 4_001, reason: 'wartung €' },
      after: 0,
    });
    expect(pair.peerClosed).toEqual({ code: 4_001, reason: 'wartung €' });
    expect(pair.link.send('late')).toBe(false);
  });

  test('a close without a code is answered by one without', async () => {
    const pair = await open();
    pair.peer.close();
    await until(() => pair.story.closed !== null && pair.peerClosed !== null, 'both closed');
    expect([pair.story.closed?.code, pair.peerClosed?.code]).toEqual([1_005, 1_005]);
  });

  test('a close by us reaches the peer behind all that was sent, and what it still says is heard', async () => {
    const pair = await open();
    pair.peer.send('crossing');
    for (let at = 0; at < 100; at += 1) pair.link.send(`${at}`);
    pair.link.close(1_001, 'drain');
    expect(pair.link.send('late')).toBe(false);
    await until(() => pair.story.closed !== null && pair.peerClosed !== null, 'both closed');
    expect(pair.got).toHaveLength(100);
    expect(pair.peerClosed).toEqual({ code: 1_001, reason: 'drain' });
    expect(pair.story).toMatchObject({ texts: ['crossing'], closed: { code: 1_001, reason: 'drain' } });
  });

  test('a close while reading is paused is over at once all the same', async () => {
    const pair = await open({ closeTimeoutMs: 20_000 });
    pair.link.pause();
    pair.link.close(1_001, 'drain');
    await until(() => pair.story.closed !== null, 'closed');
    expect(pair.story.closed).toEqual({ code: 1_001, reason: 'drain' });
  });

  test('both closing at the same time is one close', async () => {
    const pair = await open({ closeTimeoutMs: 20_000 });
    pair.peer.close(1_000, 'mine');
    pair.link.close(1_001, 'ours');
    await until(() => pair.story.closed !== null && pair.peerClosed !== null, 'both closed');
    expect(pair.story).toMatchObject({ closed: { code: 1_001, reason: 'ours' }, after: 0 });
  });

  test('a connection that is cut is told once, by whichever side', async () => {
    const ours = await open();
    ours.link.terminate();
    ours.link.terminate();
    ours.link.close(1_000, 'too late');
    await until(() => ours.story.closed !== null && ours.peerClosed !== null, 'cut by us');
    expect([ours.story.closed, ours.peerClosed?.code]).toEqual([
      { code: null, reason: 'connection_lost' },
      1_006,
    ]);
    const theirs = await open();
    theirs.peer.terminate();
    await until(() => theirs.story.closed !== null, 'cut by the peer');
    expect(theirs.story).toMatchObject({ closed: { code: null, reason: 'connection_lost' }, after: 0 });
  });

  test('a peer that ends its half without a close frame has vanished', async () => {
    const pair = await open();
    pair.peer.send('before');
    pair.peerSocket.end();
    await until(() => pair.story.closed !== null && pair.peerSocket.destroyed, 'both sides ended');
    expect(pair.story).toMatchObject({
      texts: ['before'],
      closed: { code: null, reason: 'connection_lost' },
    });
  });

  test('a text that is too big ends the link with 1009, and the peer learns it', async () => {
    const pair = await open({ stationFrameBytes: 1_000, backendFrameBytes: 1_000 });
    pair.peer.send('x'.repeat(1_000));
    pair.peer.send('x'.repeat(1_001));
    pair.peer.send('never');
    await until(() => pair.story.closed !== null && pair.peerClosed !== null, 'both closed');
    expect(pair.story.closed).toEqual({ code: 1_009, reason: 'frame_too_big' });
    expect(pair.story.texts).toHaveLength(1);
    expect(pair.peerClosed?.code).toBe(1_009);
  });

  test('a binary frame, and octets that are no frame, end the link', async () => {
    const binary = await open();
    binary.peer.send(Buffer.from('x'), { binary: true });
    await until(
      () => binary.peerClosed !== null && binary.story.closed !== null,
      'closed for a binary frame',
    );
    expect([binary.story.closed, binary.peerClosed]).toEqual([
      { code: 1_003, reason: 'binary_frame' },
      { code: 1_003, reason: 'binary_frame' },
    ]);
    const noise = await open();
    noise.peerSocket.write('GET / HTTP/1.1\r\n\r\n');
    await until(() => noise.peerClosed !== null && noise.story.closed !== null, 'closed for noise');
    expect([noise.story.closed?.code, noise.peerClosed?.code]).toEqual([1_002, 1_002]);
  });

  test('a message that never ends, and a flood of pings, end the link with 1008', async () => {
    const slow = await open({ messageTimeoutMs: 80 });
    slow.peer.send('begun', { fin: false });
    await until(() => slow.peerClosed !== null && slow.story.closed !== null, 'closed for slowness');
    expect(slow.story.closed).toEqual({ code: 1_008, reason: 'message_too_slow' });
    const flood = await open({ controlFramesPerSecond: 10 });
    for (let at = 0; at < 100; at += 1) flood.peer.ping();
    await until(() => flood.story.closed !== null, 'closed for the flood');
    expect(flood.story.closed).toEqual({ code: 1_008, reason: 'ping_flood' });
  });

  test('a paused link reads no more than its buffers hold, and loses nothing', async () => {
    const { link, story, peer } = await open();
    const text = 'x'.repeat(50_000);
    link.pause();
    link.pause();
    for (let at = 0; at < 400; at += 1) peer.send(`${at} ${text}`);
    await until(() => peer.bufferedAmount > 0, 'the peer is held up');
    const stillMs = performance.now() + 150;
    await until(() => performance.now() > stillMs, 'nothing more is read');
    expect(story.texts.length).toBeLessThan(40);
    link.resume();
    await until(() => story.texts.length === 400, 'all of them', 20_000);
    expect(story.texts.map((line) => Number(line.slice(0, line.indexOf(' '))))).toEqual(
      Array.from({ length: 400 }, (_, at) => at),
    );
  });

  test('a peer that leaves while reading is paused is heard out, and its end is told once', async () => {
    const { link, story, peer } = await open();
    link.pause();
    for (let at = 0; at < 20; at += 1) peer.send(`${at}`);
    await until(() => peer.bufferedAmount === 0, 'all is sent');
    peer.terminate();
    const laterMs = performance.now() + 30;
    await until(() => performance.now() > laterMs, 'it has left');
    link.resume();
    await until(() => story.closed !== null, 'its end');
    expect(story.texts).toEqual(Array.from({ length: 20 }, (_, at) => `${at}`));
    expect(story).toMatchObject({ closed: { code: null, reason: 'connection_lost' }, after: 0 });
  });

  test('a peer that does not read is congested, then drained; or cut when it never reads', async () => {
    const { link, story, peerSocket, got } = await open({
      congestedBytes: 100_000,
      bufferedBytesMax: 30_000_000,
    });
    peerSocket.pause();
    const text = 'x'.repeat(500_000);
    let sent = 0;
    while (link.bufferedBytes < 5_000_000) {
      expect(link.send(text)).toBe(true);
      sent += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    // Over TLS what is encrypted counts as taken, so that it may have drained in between.
    if (!isTls) expect(story.drained).toBe(0);
    peerSocket.resume();
    await until(() => story.drained > 0 && got.length === sent, 'drained', 20_000);
    expect(link.bufferedBytes).toBe(0);
    peerSocket.pause();
    while (link.send(text)) await new Promise((resolve) => setImmediate(resolve));
    await until(() => story.closed !== null, 'cut');
    expect(story.closed).toEqual({ code: null, reason: 'peer_too_slow' });
  });
});
