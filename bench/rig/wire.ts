/**
 * As much of the WebSocket protocol as a load generator needs (RFC 6455 §5.2), so that it is not what is measured.
 *
 * Pure. Frames are made once and sent many times; one that is received is looked at where it lies. Only whole, unfragmented frames: that is all `ws` sends at these sizes.
 */
export const opcode = { text: 1, close: 8, ping: 9, pong: 10 } as const;

/** The masking key of every frame of a station. It is not zero, which `ws` would take as leave to skip its work. */
const stationMask = Uint8Array.of(0x5a, 0x13, 0xc6, 0x7e);
const noMask = new Uint8Array(4);

/** A frame as a client sends it: masked. */
export function clientFrame(text: string, code: number = opcode.text): Buffer {
  return frameOf(Buffer.from(text), code, stationMask);
}

/** A frame as a server sends it. */
export function serverFrame(text: string, code: number = opcode.text): Buffer {
  return frameOf(Buffer.from(text), code, null);
}

function frameOf(payload: Buffer, code: number, mask: Uint8Array | null): Buffer {
  const sizeBytes = payload.length < 126 ? 0 : 2;
  const frame = Buffer.alloc(2 + sizeBytes + (mask === null ? 0 : 4) + payload.length);
  frame[0] = 0x80 | code;
  frame[1] = (mask === null ? 0 : 0x80) | (sizeBytes === 0 ? payload.length : 126);
  if (sizeBytes > 0) frame.writeUInt16BE(payload.length, 2);
  if (mask !== null) frame.set(mask, 2 + sizeBytes);
  const start = frame.length - payload.length;
  for (let at = 0; at < payload.length; at += 1)
    frame[start + at] = (payload[at] ?? 0) ^ (mask?.[at & 3] ?? 0);
  return frame;
}

/** Where the payload of a frame made by `clientFrame` starts. */
export function payloadStartOf(frame: Buffer): number {
  return ((frame[1] ?? 0) & 0x7f) === 126 ? 8 : 6;
}

/** Writes a number as so many decimal digits into the payload of a frame made by `clientFrame`. */
export function writeDigits(frame: Buffer, payloadAt: number, digits: number, value: number): void {
  const start = payloadStartOf(frame);
  let rest = value;
  for (let at = payloadAt + digits - 1; at >= payloadAt; at -= 1) {
    frame[start + at] = (0x30 + (rest % 10)) ^ (stationMask[at & 3] ?? 0);
    rest = Math.trunc(rest / 10);
  }
}

/** A frame where it lies in what was read. */
export interface FrameInPlace {
  code: number;
  data: Buffer;
  start: number;
  end: number;
  /** Four bytes; zeros where the frame is not masked. */
  mask: Uint8Array;
}

/** One character code of a payload, without its mask. */
export function byteAt({ data, start, mask }: FrameInPlace, at: number): number {
  return (data[start + at] ?? 0) ^ (mask[at & 3] ?? 0);
}

/** Copies a part of a payload to another buffer, without its mask. */
export function copyPlain(frame: FrameInPlace, from: number, to: number, target: Buffer, at: number): void {
  for (let index = from; index < to; index += 1) target[at + index - from] = byteAt(frame, index);
}

/** The whole payload as text. */
export function textOf(frame: FrameInPlace): string {
  const target = Buffer.alloc(frame.end - frame.start);
  copyPlain(frame, 0, target.length, target, 0);
  return target.toString();
}

/** Reused for every frame: read it before the next one. */
const inPlace: FrameInPlace = { code: 0, data: Buffer.alloc(0), start: 0, end: 0, mask: noMask };

/**
 * Hands every whole frame of what was kept and what came to `onFrame`. Returns what is left over, copied, or null: `chunk` may be reused by its owner.
 */
export function readFrames<Owner>(
  kept: Buffer | null,
  chunk: Buffer,
  onFrame: (owner: Owner, frame: FrameInPlace) => void,
  owner: Owner,
): Buffer | null {
  const data = kept === null ? chunk : Buffer.concat([kept, chunk]);
  let at = 0;
  while (data.length - at >= 2) {
    const second = data[at + 1] ?? 0;
    const isMasked = second > 127;
    const isLong = (second & 0x7f) === 126;
    const headBytes = (isLong ? 4 : 2) + (isMasked ? 4 : 0);
    if (data.length - at < headBytes) break;
    const bytes = isLong ? data.readUInt16BE(at + 2) : second & 0x7f;
    const start = at + headBytes;
    if (data.length - start < bytes) break;
    inPlace.code = (data[at] ?? 0) & 0x0f;
    inPlace.data = data;
    inPlace.start = start;
    inPlace.end = start + bytes;
    inPlace.mask = isMasked ? data.subarray(start - 4, start) : noMask;
    onFrame(owner, inPlace);
    at = start + bytes;
  }
  return at === data.length ? null : Buffer.from(data.subarray(at));
}
