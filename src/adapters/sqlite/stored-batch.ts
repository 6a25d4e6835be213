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

/** A batch as its row has it. */
export interface StoredBatch extends BatchHead {
  readonly encoding: number;
  readonly checksum: number;
  readonly body: Uint8Array;
}

/** A batch that cannot be read; its records are given as a gap. */
export interface UnreadableBatch {
  readonly first: number;
  readonly last: number;
  readonly records: number;
}

/** The columns that `storedBatchOf` reads. */
export const batchColumns = 'first, last, at_from, at_to, records, checksum, encoding, stations, body';

export function storedBatchOf(row: Record<string, unknown>): StoredBatch {
  return {
    first: row['first'] as number,
    last: row['last'] as number,
    atFrom: row['at_from'] as number,
    atTo: row['at_to'] as number,
    records: row['records'] as number,
    stations: row['stations'] as string,
    encoding: row['encoding'] as number,
    checksum: row['checksum'] as number,
    body: row['body'] as Uint8Array,
  };
}

/** What a batch holds, by whoever reads it; null when it cannot be trusted. */
export function readBatch<Value>(
  batch: StoredBatch,
  read: (body: string) => Result<Value, unknown>,
): Value | null {
  const body = unpackBody(batch, { encoding: batch.encoding, bytes: batch.body }, batch.checksum);
  if (!body.ok) return null;
  const value = read(body.value);
  return value.ok ? value.value : null;
}

export function placeOf({ first, last, records }: BatchHead): UnreadableBatch {
  return { first, last, records };
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
