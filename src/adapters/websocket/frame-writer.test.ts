import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FrameReader } from './frame-reader.ts';
import { writeClose, writeControl, writeText } from './frame-writer.ts';

let writer: Socket;
let peer: Socket;
const server = createServer((socket) => {
  peer = socket;
});

beforeAll(async () => {
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => {
    server.once('connection', () => resolve());
    writer = connect(port, '127.0.0.1');
  });
});

afterAll(() => {
  writer.destroy();
  peer.destroy();
  server.close();
});

/** What a reader hears of what `write` wrote, read as the other side. */
async function heard(isMasked: boolean, count: number, write: () => void): Promise<string[]> {
  const lines: string[] = [];
  const done = Promise.withResolvers<string[]>();
  const hear = (line: string): void => {
    lines.push(line);
    if (lines.length === count) done.resolve(lines);
  };
  const reader = new FrameReader(
    {
      onText: (text) => hear(`text ${text}`),
      onBinary: () => hear('binary'),
      onPing: (payload) => hear(`ping ${payload.toString()}`),
      onPong: () => hear('pong'),
      onCloseFrame: (code, reason) => hear(`close ${code} ${reason}`),
      onFault: (fault) => hear(`fault ${fault}`),
    },
    { messageBytesMax: 10_000_000, fragmentsMax: 1, chunksMax: 100_000 },
    isMasked,
  );
  peer.removeAllListeners('data');
  peer.on('data', (chunk: Buffer) => reader.push(chunk, false));
  write();
  return await done.promise;
}

test.each([true, false])('every size and kind of text arrives as it was (masked: %s)', async (isMasked) => {
  const texts = [0, 1, 125, 126, 127, 4_080, 4_096, 5_000, 16_400, 65_535, 65_536, 200_000].flatMap(
    (size) => ['x'.repeat(size), `é${'x'.repeat(size)}€😀`],
  );
  const lines = await heard(isMasked, texts.length, () => {
    for (const text of texts) writeText(writer, text, isMasked);
  });
  expect(lines.map((line) => line.length)).toEqual(texts.map((text) => text.length + 5));
  expect(lines).toEqual(texts.map((text) => `text ${text}`));
});

test('a lone surrogate goes out as the replacement character, as it does everywhere in Node', async () => {
  expect(await heard(false, 1, () => writeText(writer, 'a\ud800b', false))).toEqual(['text a\ufffdb']);
});

test.each([true, false])('control frames arrive (masked: %s)', async (isMasked) => {
  const lines = await heard(isMasked, 3, () => {
    writeControl(writer, 9, Buffer.from('p'.repeat(125)), isMasked);
    writeControl(writer, 10, Buffer.from(''), isMasked);
    writeClose(writer, 1_001, 'drain', isMasked);
  });
  expect(lines).toEqual([`ping ${'p'.repeat(125)}`, 'pong', 'close 1001 drain']);
});

test('a close frame may be empty, and a reason too long for it is cut between characters', async () => {
  expect(await heard(true, 1, () => writeClose(writer, null, 'not sent', true))).toEqual(['close 1005 ']);
  expect(await heard(true, 1, () => writeClose(writer, 4_000, '€'.repeat(60), true))).toEqual([
    `close 4000 ${'€'.repeat(41)}`,
  ]);
});

test('frames that wait because nobody reads are not written over by those that come later', async () => {
  peer.removeAllListeners('data');
  peer.pause();
  const texts = Array.from({ length: 60_000 }, (_, at) => `${at} ${'x'.repeat(at % 300)}`);
  for (const text of texts) writeText(writer, text, true);
  expect(writer.writableLength).toBeGreaterThan(100_000);
  expect(await heard(true, texts.length, () => peer.resume())).toEqual(texts.map((text) => `text ${text}`));
});
