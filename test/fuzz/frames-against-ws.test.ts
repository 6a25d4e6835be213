/** Random frame streams, valid and broken, cut anywhere: our reader hears what the receiver of `ws` hears, and ends the link with the same code. */
import fc from 'fast-check';
import { createRequire } from 'node:module';
import type { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { FrameReader } from '../../src/adapters/websocket/frame-reader.ts';
import { closeCodeOf, type FrameFault } from '../../src/adapters/websocket/frame-rules.ts';

/** Exported by `ws`, unknown to its types. */
const { Receiver } = createRequire(import.meta.url)('ws') as {
  readonly Receiver: new (options: {
    readonly isServer: boolean;
    readonly maxPayload: number;
    readonly maxFragments: number;
  }) => Writable;
};

const messageBytesMax = 70_000;
const fragmentsMax = 5;

/** What both sides tell, in the same words. */
type Heard = readonly string[];

function hearOurs(chunks: readonly Buffer[], isServer: boolean, isLent: boolean): Heard {
  const heard: string[] = [];
  const shared = Buffer.alloc(200_000);
  const reader = new FrameReader(
    {
      onText: (text) => {
        heard.push(`text ${text}`);
        if (isLent) shared.fill(0x81);
      },
      onBinary: () => heard.push('binary'),
      onPing: (payload) => heard.push(`ping ${payload.toString('hex')}`),
      onPong: () => heard.push('pong'),
      onCloseFrame: (code, reason) => heard.push(`close ${code} ${reason}`),
      onFault: (fault: FrameFault) => heard.push(`fault ${closeCodeOf[fault]}`),
    },
    { messageBytesMax, fragmentsMax, chunksMax: Infinity },
    isServer,
  );
  for (const chunk of chunks) {
    if (isLent) {
      chunk.copy(shared);
      reader.push(shared.subarray(0, chunk.length), true);
    } else reader.push(Buffer.from(chunk), false);
  }
  return heard;
}

async function hearTheirs(chunks: readonly Buffer[], isServer: boolean): Promise<Heard> {
  const heard: string[] = [];
  const receiver = new Receiver({ isServer, maxPayload: messageBytesMax, maxFragments: fragmentsMax });
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    heard.push(isBinary ? 'binary' : `text ${data.toString()}`),
  );
  receiver.on('ping', (data: Buffer) => heard.push(`ping ${data.toString('hex')}`));
  receiver.on('pong', () => heard.push('pong'));
  receiver.on('conclude', (code: number, reason: Buffer) => heard.push(`close ${code} ${reason.toString()}`));
  let isFaulty = false;
  receiver.on('error', (error: Error) => {
    isFaulty = true;
    const code = Object.getOwnPropertySymbols(error).find(({ description }) => description === 'status-code');
    heard.push(`fault ${String(code === undefined ? code : Reflect.get(error, code))}`);
  });
  for (const chunk of chunks) {
    if (isFaulty || receiver.writableEnded) break;
    receiver.write(Buffer.from(chunk));
    await new Promise((resolve) => {
      process.nextTick(resolve);
    });
  }
  return heard;
}

interface Frame {
  readonly first: number;
  readonly payload: Uint8Array;
  readonly isMasked: boolean;
  readonly mask: number;
  /** Which form the length takes: the shortest, or one that is longer than it need be. */
  readonly lengthForm: 'shortest' | 'two' | 'eight';
}

function encode({ first, payload, isMasked, mask, lengthForm }: Frame): Buffer {
  const form =
    lengthForm !== 'shortest'
      ? lengthForm
      : payload.length < 126
        ? 'one'
        : payload.length < 65_536
          ? 'two'
          : 'eight';
  const head = Buffer.alloc(form === 'one' ? 2 : form === 'two' ? 4 : 10);
  head[0] = first;
  head[1] = (isMasked ? 0x80 : 0) | (form === 'one' ? payload.length : form === 'two' ? 126 : 127);
  if (form === 'two') head.writeUInt16BE(payload.length & 0xffff, 2);
  else if (form === 'eight') head.writeBigUInt64BE(BigInt(payload.length), 2);
  if (!isMasked) return Buffer.concat([head, payload]);
  const key = Buffer.alloc(4);
  key.writeInt32LE(mask);
  return Buffer.concat([head, key, payload.map((octet, at) => octet ^ (key[at % 4] ?? 0))]);
}

const textPayload = fc.oneof(
  fc.string({ maxLength: 300 }).map((text) => Buffer.from(text)),
  fc.string({ unit: 'binary', maxLength: 60 }).map((text) => Buffer.from(text)),
  fc
    .constantFrom(125, 126, 127, 4_000, 65_535, 65_536, 69_999, 70_000)
    .map((size) => Buffer.alloc(size, 0x61)),
);
const anyPayload = fc.oneof(
  { weight: 6, arbitrary: textPayload },
  { weight: 2, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  { weight: 1, arbitrary: fc.constantFrom(Buffer.alloc(70_001, 0x61), Buffer.from([0xe2, 0x82])) },
);
const closePayload = fc.oneof(
  fc.constant(Buffer.alloc(0)),
  fc
    .tuple(
      fc.oneof(fc.integer({ min: 990, max: 1_020 }), fc.integer({ min: 0, max: 65_535 })),
      fc.oneof(
        fc.string({ unit: 'binary', maxLength: 30 }).map((text) => Buffer.from(text)),
        fc.uint8Array({ maxLength: 4 }),
      ),
    )
    .map(([code, reason]) => Buffer.concat([Buffer.from([code >> 8, code & 0xff]), reason])),
  fc.uint8Array({ maxLength: 1 }),
);

/** A frame that fits where it stands, mostly: which opcodes may come is left to chance, weighted so that streams get somewhere. */
function frames(isServer: boolean): fc.Arbitrary<Buffer> {
  const isMasked = fc.oneof(
    { weight: 60, arbitrary: fc.constant(isServer) },
    { weight: 1, arbitrary: fc.constant(!isServer) },
  );
  const mask = fc.oneof(fc.integer(), fc.constant(0));
  const lengthForm = fc.oneof(
    { weight: 20, arbitrary: fc.constant('shortest' as const) },
    { weight: 1, arbitrary: fc.constantFrom('two' as const, 'eight' as const) },
  );
  const rest = { isMasked, mask, lengthForm };
  const frame = fc.oneof(
    { weight: 12, arbitrary: fc.record({ first: fc.constant(0x81), payload: anyPayload, ...rest }) },
    {
      weight: 6,
      arbitrary: fc.record({
        first: fc.constantFrom(0x01, 0x00, 0x80, 0x02, 0x82),
        payload: anyPayload,
        ...rest,
      }),
    },
    {
      weight: 4,
      arbitrary: fc.record({
        first: fc.constantFrom(0x89, 0x8a),
        payload: fc.uint8Array({ maxLength: 125 }),
        ...rest,
      }),
    },
    { weight: 1, arbitrary: fc.record({ first: fc.constant(0x88), payload: closePayload, ...rest }) },
    { weight: 1, arbitrary: fc.record({ first: fc.nat(255), payload: anyPayload, ...rest }) },
  );
  const message = fc
    .tuple(fc.array(textPayload as fc.Arbitrary<Uint8Array>, { minLength: 1, maxLength: 6 }), fc.integer())
    .map(([parts, key]) =>
      Buffer.concat(
        parts.map((payload, at) =>
          encode({
            first: (at === 0 ? 1 : 0) | (at === parts.length - 1 ? 0x80 : 0),
            payload,
            isMasked: isServer,
            mask: key,
            lengthForm: 'shortest',
          }),
        ),
      ),
    );
  return fc.oneof({ weight: 4, arbitrary: frame.map(encode) }, { weight: 1, arbitrary: message });
}

function cut(stream: Buffer, cuts: readonly number[]): Buffer[] {
  const borders = [0, ...cuts.map((at) => at % (stream.length + 1)), stream.length].sort((a, b) => a - b);
  return borders
    .slice(1)
    .map((end, at) => stream.subarray(borders[at], end))
    .filter((chunk) => chunk.length > 0);
}

test.each([
  ['server', true],
  ['client', false],
] as const)('as a %s, two thousand streams', { timeout: 180_000 }, async (_side, isServer) => {
  const verdicts = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(frames(isServer), { minLength: 1, maxLength: 8 }),
      fc.array(fc.nat(200_000), { maxLength: 12 }),
      fc.boolean(),
      fc.boolean(),
      async (parts, cuts, isDripped, isLent) => {
        const stream = Buffer.concat(parts);
        const head = isDripped ? Math.min(stream.length, 300) : 0;
        const chunks = [
          ...Array.from(stream.subarray(0, head), (octet) => Buffer.from([octet])),
          ...cut(stream.subarray(head), cuts),
        ].flatMap((chunk) => (chunk.length > 65_536 ? cut(chunk, [65_536, 131_072]) : [chunk]));
        const theirs = await hearTheirs(chunks, isServer);
        expect(hearOurs(chunks, isServer, isLent)).toEqual(theirs);
        const verdict = /^(?:fault \d+|close)/.exec(theirs.at(-1) ?? '')?.[0] ?? 'none';
        verdicts.set(verdict, (verdicts.get(verdict) ?? 0) + 1);
      },
    ),
    { numRuns: 2_000 },
  );
  // The streams reached every end there is.
  for (const end of ['fault 1002', 'fault 1007', 'fault 1008', 'fault 1009', 'close', 'none'])
    expect([...verdicts.keys()], [...verdicts].join(' ')).toContain(end);
});
