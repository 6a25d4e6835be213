import { expect, test } from 'vitest';
import { FrameReader, type FrameSink, type ReaderBounds } from './frame-reader.ts';

const bounds: ReaderBounds = { messageBytesMax: 1_000, fragmentsMax: 4, chunksMax: 8 };
const key = [0x11, 0x22, 0x33, 0x44] as const;

/** Remembers what it heard. */
class Witness implements FrameSink {
  readonly heard: string[] = [];
  onText(text: string): void {
    this.heard.push(`text ${text}`);
  }
  onBinary(): void {
    this.heard.push('binary');
  }
  onPing(payload: Buffer): void {
    this.heard.push(`ping ${payload.toString()}`);
  }
  onPong(): void {
    this.heard.push('pong');
  }
  onCloseFrame(code: number, reason: string): void {
    this.heard.push(`close ${code} ${reason}`);
  }
  onFault(fault: string): void {
    this.heard.push(`fault ${fault}`);
  }
}

function frame(first: number, payload: string | Uint8Array, isMasked = true): Buffer {
  const body = Buffer.from(payload);
  const head = [first, (isMasked ? 0x80 : 0) | (body.length < 126 ? body.length : 126)];
  if (body.length >= 126) head.push(body.length >> 8, body.length & 0xff);
  if (!isMasked) return Buffer.concat([Buffer.from(head), body]);
  const masked = body.map((byte, at) => byte ^ (key[at % 4] ?? 0));
  return Buffer.concat([Buffer.from([...head, ...key]), masked]);
}

function read(chunks: readonly Buffer[], isServer = true, changes: Partial<ReaderBounds> = {}): string[] {
  const witness = new Witness();
  const reader = new FrameReader(witness, { ...bounds, ...changes }, isServer);
  for (const chunk of chunks) reader.push(Buffer.from(chunk), false);
  return witness.heard;
}

const text = 0x81;
const fragment = 0x01;

test('several frames in one chunk are heard in order, whatever lies between the chunks', () => {
  const all = Buffer.concat([
    frame(text, 'one'),
    frame(0x89, 'p'),
    frame(text, 'zwölf €'),
    frame(fragment, 'a'),
    frame(0x8a, ''),
    frame(0x00, 'b'),
    frame(0x80, 'c'),
    frame(text, 'x'.repeat(300)),
    frame(0x88, Buffer.from([0x03, 0xe8, 0x62, 0x79, 0x65])),
    frame(text, 'after the end'),
  ]);
  const expected = [
    'text one',
    'ping p',
    'text zwölf €',
    'pong',
    'text abc',
    `text ${'x'.repeat(300)}`,
    'close 1000 bye',
  ];
  expect(read([all])).toEqual(expected);
  for (let at = 0; at <= all.length; at += 1)
    expect(read([all.subarray(0, at), all.subarray(at)])).toEqual(expected);
  const single = Array.from(all, (byte) => Buffer.from([byte]));
  expect(read(single, true, { chunksMax: 1_000 })).toEqual(expected);
});

test.each([
  ['an unmasked frame at a server', frame(text, 'x', false), true],
  ['a masked frame at a client', frame(text, 'x'), false],
  ['a reserved bit', frame(0xc1, 'x'), true],
  ['a reserved opcode', frame(0x83, 'x'), true],
  ['a reserved control opcode', frame(0x8b, ''), true],
  ['a continuation of nothing', frame(0x80, 'x'), true],
  ['a message within another', Buffer.concat([frame(fragment, 'x'), frame(text, 'y')]), true],
  ['a ping in fragments', frame(0x09, ''), true],
  ['a ping of more than 125 octets', frame(0x89, 'x'.repeat(126)), true],
  ['a close frame of one octet', frame(0x88, 'x'), true],
  ['a close code that may not be sent', frame(0x88, Buffer.from([0x03, 0xed])), true],
  ['a close code below 1000', frame(0x88, Buffer.from([0, 0])), true],
])('%s is a protocol fault, and nothing after it is looked at', (_name, bytes, isServer) => {
  const heard = read([Buffer.concat([bytes, frame(text, 'never', isServer)])], isServer);
  expect(heard).toEqual(['fault protocol_fault']);
});

test.each([
  ['cut off', [0xe2, 0x82]],
  ['overlong', [0xc0, 0xaf]],
  ['a surrogate', [0xed, 0xa0, 0x80]],
  ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80]],
])('UTF-8 that is %s is refused, in a text, in fragments and in a close frame', (_name, octets) => {
  const bad = Buffer.from(octets);
  expect(read([frame(text, bad)])).toEqual(['fault invalid_utf8']);
  expect(read([frame(text, Buffer.concat([Buffer.from('x'.repeat(60)), bad]))])).toEqual([
    'fault invalid_utf8',
  ]);
  expect(read([frame(fragment, bad.subarray(0, 1)), frame(0x80, bad.subarray(1))])).toEqual([
    'fault invalid_utf8',
  ]);
  expect(read([frame(0x88, Buffer.concat([Buffer.from([0x03, 0xe8]), bad]))])).toEqual([
    'fault invalid_utf8',
  ]);
});

test('a character may lie across two fragments', () => {
  const euro = Buffer.from('€');
  expect(read([frame(fragment, euro.subarray(0, 1)), frame(0x80, euro.subarray(1))])).toEqual(['text €']);
});

test('a frame that announces too much is refused before its payload comes', () => {
  expect(read([Buffer.from([text, 0xfe, 0x03, 0xe9])])).toEqual(['fault frame_too_big']);
  expect(read([Buffer.from([text, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff])])).toEqual([
    'fault frame_too_big',
  ]);
  // Small but for the upper half of its length.
  expect(read([Buffer.from([text, 0xff, 0, 0, 0, 1, 0, 0, 0, 5])])).toEqual(['fault frame_too_big']);
  expect(read([frame(fragment, 'x'.repeat(900)), frame(0x80, 'x'.repeat(100))])).toHaveLength(1);
  expect(read([frame(fragment, 'x'.repeat(900)), frame(0x80, 'x'.repeat(101))])).toEqual([
    'fault frame_too_big',
  ]);
});

test('fragments count, and so do the chunks of one frame', () => {
  const parts = [frame(fragment, 'a'), frame(0, 'b'), frame(0, 'c')];
  expect(read([...parts, frame(0x80, 'd')])).toEqual(['text abcd']);
  expect(read([...parts, frame(0, 'd'), frame(0x80, 'e')])).toEqual(['fault too_many_fragments']);
  const long = frame(text, 'x'.repeat(20));
  const pieces = (size: number) =>
    Array.from({ length: Math.ceil(long.length / size) }, (_, at) =>
      long.subarray(at * size, at * size + size),
    );
  expect(read(pieces(4))).toEqual([`text ${'x'.repeat(20)}`]);
  expect(read(pieces(2))).toEqual(['fault too_many_fragments']);
});

test('what is unfinished is known, and a ping between fragments does not finish it', () => {
  const reader = new FrameReader(new Witness(), bounds, true);
  const states = [
    frame(text, 'x').subarray(0, 1),
    frame(text, 'x').subarray(1),
    frame(fragment, 'a'),
    frame(0x89, ''),
  ].map((chunk) => {
    reader.push(Buffer.from(chunk), false);
    return reader.isUnfinished;
  });
  expect(states).toEqual([true, false, true, true]);
  reader.stop();
  expect(reader.isUnfinished).toBe(false);
});

test.each([false, true])(
  'a buffer that is written over while its frames are handed out harms none of them (begun before: %s)',
  (isBegun) => {
    const shared = Buffer.alloc(200);
    const heard: string[] = [];
    const witness = new Witness();
    witness.onText = (line) => {
      heard.push(line);
      shared.fill(0xff);
    };
    const reader = new FrameReader(witness, bounds, true);
    const first = frame(text, 'first');
    const cut = isBegun ? 3 : 0;
    if (isBegun) reader.push(Buffer.from(first.subarray(0, cut)), false);
    const rest = Buffer.concat([
      first.subarray(cut),
      frame(text, 'second'),
      frame(text, 'third').subarray(0, 7),
    ]);
    rest.copy(shared);
    reader.push(shared.subarray(0, rest.length), true);
    const last = frame(text, 'third').subarray(7);
    last.copy(shared);
    reader.push(shared.subarray(0, last.length), true);
    expect(heard).toEqual(['first', 'second', 'third']);
    expect(witness.heard).toEqual([]);
  },
);

test('a sink that stops the reader hears nothing more, whatever lies in the chunk', () => {
  const witness = new Witness();
  const reader = new FrameReader(witness, bounds, true);
  witness.onPong = () => reader.stop();
  reader.push(Buffer.concat([frame(text, 'one'), frame(0x8a, ''), frame(text, 'two')]), false);
  expect(witness.heard).toEqual(['text one']);
});
