/**
 * Sockets that read into one buffer they share, instead of a new one for every read.
 *
 * Not pure: owns that buffer. Node fills it for one socket and has it taken before it reads from the next, so that a read makes no garbage and an idle socket holds no
 * buffer. On Windows, where a read is begun before there is anything to read, that would not hold; Busbar does not run there.
 *
 * For sockets that we open Node documents this (`onread`). For those that it accepts for us there is no public way to ask for it, and it is worth a tenth of a relay (ADR
 * 0010): we set what `onread` would have set. Where that is not found as it is in the Node that Busbar is tested with, the socket reads as always.
 */
import type { OnReadOpts, Socket } from 'node:net';

/** Who takes what a socket reads. The frame reader says what `isLent` is. */
export interface Taker {
  receive(chunk: Buffer, isLent: boolean): void;
}

const lent = Buffer.allocUnsafeSlow(65_536);

/**
 * The first so many bytes of the shared buffer, by their number. To make a view costs more than to read a short frame through it, and the frames of a fleet have few sizes: it
 * is made once for each.
 */
const beginnings = Array.from({ length: 2_048 }, (): Buffer | null => null);

function beginningOf(bytes: number): Buffer {
  if (bytes >= beginnings.length) return lent.subarray(0, bytes);
  return (beginnings[bytes] ??= lent.subarray(0, bytes));
}

/** Option `onread` for a socket to be opened. */
export function onReadFor(reading: { readonly taker: Taker }): OnReadOpts {
  return { buffer: lent, callback: handOver(reading) };
}

/** The closure lives as long as the socket, so it holds nothing but who takes the bytes at the time. */
function handOver(reading: { readonly taker: Taker }): (bytes: number) => true {
  return (bytes) => {
    reading.taker.receive(beginningOf(bytes), true);
    return true;
  };
}

/** Node's own names for what `onread` sets on a socket. */
interface Slots {
  readonly buffer: symbol;
  readonly callback: symbol;
}

let slots: Slots | null = null;

/** Has a socket that is open read that way from now on. False when it cannot: nothing was changed, and its `data` events are what there is. */
export function readLent(socket: Socket, taker: Taker): boolean {
  slots ??= slotsOf(socket);
  if (slots === null) return false;
  const handle: unknown = Reflect.get(socket, '_handle');
  if (typeof handle !== 'object' || handle === null) return false;
  const useBuffer: unknown = Reflect.get(handle, 'useUserBuffer');
  if (typeof useBuffer !== 'function') return false;
  // Null in a socket that was made without `onread`; anything else is not what we know.
  if (Reflect.get(socket, slots.buffer) !== null || Reflect.get(socket, slots.callback) !== null)
    return false;
  Reflect.set(socket, slots.buffer, lent);
  Reflect.set(socket, slots.callback, handOver({ taker }));
  Reflect.apply(useBuffer, handle, [lent]);
  return true;
}

function slotsOf(socket: Socket): Slots | null {
  const symbols = Object.getOwnPropertySymbols(socket);
  const buffer = symbols.find(({ description }) => description === 'kBuffer');
  const callback = symbols.find(({ description }) => description === 'kBufferCb');
  return buffer === undefined || callback === undefined ? null : { buffer, callback };
}
