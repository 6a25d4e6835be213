/**
 * Frames as they go out (RFC 6455 §5.2): never fragmented, masked where we are the client.
 *
 * Not pure: it owns the buffer that frames are made in, and writes to sockets. A frame is one write. Nearly always the system takes it at once, and then the same buffer
 * serves the next frame of any link: sending makes no garbage but a view.
 */
// Imported: the global of that name is a getter, which every frame would call.
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { closeReasonBytesMax, controlBytesMax, opcode } from './frame-rules.ts';
import { Masker, randomMask } from './masking.ts';

/** What a peer that does not read can keep alive with one frame; a larger frame than a quarter of it has a buffer of its own. */
const slabBytes = 16_384;
const slabFrameBytesMax = slabBytes / 4;

let slab = Buffer.allocUnsafeSlow(slabBytes);
/** What lies before it is still waited for by some socket. */
let slabUsed = 0;
/** The piece of the slab that was last used for a frame of so many bytes. Nearly always the next such frame may lie there too, and making a view anew would cost more than filling it. */
const pieces = Array.from({ length: slabFrameBytesMax + 1 }, (): Buffer | null => null);
const masker = new Masker();

/** Writes one text frame. Returns what the socket has not taken yet of all that was written to it, in bytes. */
export function writeText(socket: Socket, text: string, isMasked: boolean): number {
  const bytes = Buffer.byteLength(text);
  const frame = frameFor(opcode.text, bytes, isMasked);
  const start = frame.length - bytes;
  // As many octets as characters: ASCII.
  frame.write(text, start, bytes, bytes === text.length ? 'latin1' : 'utf8');
  return put(socket, frame, start, isMasked);
}

/** `payload` is at most 125 octets. Returns what `writeText` does. */
export function writeControl(
  socket: Socket,
  code: typeof opcode.ping | typeof opcode.pong,
  payload: Uint8Array,
  isMasked: boolean,
): number {
  const frame = frameFor(code, payload.length, isMasked);
  const start = frame.length - payload.length;
  frame.set(payload, start);
  return put(socket, frame, start, isMasked);
}

/** A null code makes an empty close frame. A reason that is too long is cut between characters. */
export function writeClose(socket: Socket, code: number | null, reason: string, isMasked: boolean): void {
  const payload = Buffer.allocUnsafe(controlBytesMax);
  let bytes = 0;
  if (code !== null) {
    payload.writeUInt16BE(code, 0);
    // `write` never leaves half a character behind.
    bytes = 2 + payload.write(reason, 2, closeReasonBytesMax);
  }
  const frame = frameFor(opcode.close, bytes, isMasked);
  const start = frame.length - bytes;
  payload.copy(frame, start, 0, bytes);
  put(socket, frame, start, isMasked);
}

/** A frame with its header, but for the mask; the payload ends where it ends. */
function frameFor(code: number, bytes: number, isMasked: boolean): Buffer {
  const lengthBytes = bytes < 126 ? 0 : bytes < 65_536 ? 2 : 8;
  const size = 2 + lengthBytes + (isMasked ? 4 : 0) + bytes;
  const frame = size <= slabFrameBytesMax ? fromSlab(size) : Buffer.allocUnsafeSlow(size);
  const maskBit = isMasked ? 0x80 : 0;
  frame[0] = 0x80 | code;
  if (lengthBytes === 0) frame[1] = maskBit | bytes;
  else if (lengthBytes === 2) {
    frame[1] = maskBit | 126;
    frame[2] = bytes >>> 8;
    frame[3] = bytes;
  } else {
    frame[1] = maskBit | 127;
    frame.writeUIntBE(0, 2, 2);
    frame.writeUIntBE(bytes, 4, 6);
  }
  return frame;
}

function fromSlab(size: number): Buffer {
  if (slabUsed + size > slabBytes) {
    slab = Buffer.allocUnsafeSlow(slabBytes);
    slabUsed = 0;
    pieces.fill(null);
  }
  const known = pieces[size] ?? null;
  if (known !== null && known.byteOffset === slabUsed) return known;
  const piece = slab.subarray(slabUsed, slabUsed + size);
  pieces[size] = piece;
  return piece;
}

function put(socket: Socket, frame: Buffer, payloadStart: number, isMasked: boolean): number {
  if (isMasked) {
    const mask = randomMask();
    frame.writeInt32LE(mask, payloadStart - 4);
    masker.apply(frame, payloadStart, frame.length, mask);
  }
  socket.write(frame);
  // With nothing left in its queue the socket is done with these bytes, and the next frame may lie where this one lay.
  const queued = socket.writableLength;
  if (queued > 0 && frame.buffer === slab.buffer) slabUsed += frame.length;
  return queued;
}
