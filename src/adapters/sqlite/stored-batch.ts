/**
 * A batch as a row: its body as bytes, packed where that pays, under a checksum that covers everything a reader relies on.
 */
import { constants, crc32, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { fail, ok, type Result } from '../../std/result.ts';

/** What a batch's row holds beside its body. */
export interface BatchHead {
  readonly first: number;
  readonly last: number;
  readonly atFrom: number;
  readonly atTo: number;
  readonly records: number;
  /** Each station's name between line feeds, so that one can be looked for as `\nNAME\n`. */
  readonly stations: string;
}

/** How a body is stored; part of the format. */
export const plainEncoding = 0;
export const zstdEncoding = 1;

export interface PackedBody {
  readonly encoding: number;
  readonly bytes: Uint8Array;
}

/**
 * Frames of a batch resemble one another: at 200 frames level 1 packs them to a seventh for less time than SQLite would spend on the bytes
 * saved. Below this size a call's fixed cost (40 µs) is not worth it.
 */
const packedBytesMin = 4_096;
const packing = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

export function packBody(body: Uint8Array): PackedBody {
  if (body.length < packedBytesMin) return { encoding: plainEncoding, bytes: body };
  return { encoding: zstdEncoding, bytes: zstdCompressSync(body, packing) };
}

/** CRC-32 over the head and the stored bytes. */
export function checksumOf(head: BatchHead, body: PackedBody): number {
  const { first, last, atFrom, atTo, records, stations } = head;
  const seed = crc32(`${first} ${last} ${atFrom} ${atTo} ${records} ${body.encoding}${stations}`);
  return crc32(body.bytes, seed);
}

/** The body's text, if the checksum holds. */
export function unpackBody(head: BatchHead, body: PackedBody, checksum: number): Result<string, 'corrupt'> {
  if (checksumOf(head, body) !== checksum) return fail('corrupt');
  const { encoding, bytes } = body;
  if (encoding === plainEncoding) return ok(textOf(bytes));
  return encoding === zstdEncoding ? ok(textOf(zstdDecompressSync(bytes))) : fail('corrupt');
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}
