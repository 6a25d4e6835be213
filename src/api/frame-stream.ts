/**
 * `GET /frames/stream`: frames as they are journalled, as server-sent events that can be resumed without loss or repetition.
 *
 * A follower reads the journal up to its end, subscribes to the feed, reads once more what was committed in between, and then passes on what the
 * feed gives; a position is sent only if it is beyond the last one sent. The feed never waits: what a client has not taken is kept up to
 * a bound, beyond it the follower forgets it and goes back to reading the journal at the client's own speed. So a slow client costs a bounded
 * amount of memory and misses nothing; one that takes nothing at all for a minute is cut off.
 */
import { framesOf, type JournalFrame } from '../core/journal/frame-view.ts';
import type { JournalRecord } from '../core/journal/record.ts';
import type { JournalReader } from '../ports/journal.ts';
import type { JournalFeed } from '../ports/registry.ts';
import type { StationId } from '../protocol/station-id.ts';
import { presentFrame } from './frame-routes.ts';
import { isLastPage, isStorageFault } from './journal-page.ts';

export interface FollowOptions {
  readonly reader: JournalReader;
  readonly feed: JournalFeed;
  readonly station: StationId | null;
  /** The position after which to go on. */
  readonly after: number;
  /** Silence after which a comment is sent. */
  readonly heartbeatMs: number;
  /** Bytes of frames kept for a client that is behind the feed. */
  readonly behindBytesMax: number;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** Frames in one read of the journal. */
const pageFrames = 200;

/** The position of the newest frame in the journal; 0 when there is none. */
export async function newestPosition(reader: JournalReader): Promise<number> {
  const newest = await reader.frames({ order: 'desc', limit: 1 });
  return newest[0]?.position ?? 0;
}

/** Whether nothing was journalled there yet. The newest frame does not tell: it may have been deleted, and what came after it is no frame. */
export async function isAhead(reader: JournalReader, position: number): Promise<boolean> {
  const { records } = await reader.records(position - 1, 1);
  return records.length === 0;
}

/** The stream's text. It ends when the signal is aborted, or with a comment when the journal cannot be read: the client resumes later. */
export async function* followFrames(options: FollowOptions): AsyncGenerator<string, void, undefined> {
  try {
    yield* readAndFollow(options);
    yield ': closing, resume from the last id\n\n';
  } catch (error) {
    if (!isStorageFault(error)) throw error;
    yield ': the journal cannot be read now, resume from the last id\n\n';
  }
}

async function* readAndFollow(options: FollowOptions): AsyncGenerator<string, void, undefined> {
  const { heartbeatMs, signal } = options;
  const follower = { ...options, last: options.after };
  // An id without data: a client that is cut off before the first frame resumes from here.
  yield `retry: 1000\nid: ${follower.last}\n\n`;
  while (!signal.aborted) {
    yield* readToEnd(follower);
    const tail = subscribe(options);
    try {
      yield* readToEnd(follower);
      while (!signal.aborted && !tail.isOverrun) {
        const frames = tail.take().filter(({ position }) => position > follower.last);
        follower.last = frames.at(-1)?.position ?? follower.last;
        if (frames.length > 0) yield frames.map(eventOf).join('');
        else if (!(await tail.waitMs(heartbeatMs))) yield ': heartbeat\n\n';
      }
    } finally {
      tail.stop();
    }
  }
}

async function* readToEnd(
  follower: FollowOptions & { last: number },
): AsyncGenerator<string, void, undefined> {
  const { reader, station, signal } = follower;
  while (!signal.aborted) {
    const frames = await reader.frames({
      after: follower.last,
      order: 'asc',
      limit: pageFrames,
      ...(station === null ? {} : { station }),
    });
    follower.last = frames.at(-1)?.position ?? follower.last;
    if (frames.length > 0) yield frames.map(eventOf).join('');
    if (isLastPage(frames, pageFrames)) return;
  }
}

/** What the feed gave and the client has not taken. */
interface Tail {
  /** More than the bound was given: some of it is forgotten. */
  readonly isOverrun: boolean;
  take(): JournalFrame[];
  /** True once something is there to take, or the stream is ending; false after the time given. */
  waitMs(timeoutMs: number): Promise<boolean>;
  stop(): void;
}

/** What a record costs besides its text, bytes: a generous guess. */
const recordBytes = 300;

function subscribe({ feed, station, behindBytesMax, signal }: FollowOptions): Tail {
  let behind: { record: JournalRecord; position: number }[] = [];
  let behindBytes = 0;
  let isOverrun = false;
  let wake: (() => void) | null = null;
  const onAbort = () => wake?.();
  const unsubscribe = feed.subscribe((record, position) => {
    if (isOverrun || (record.type !== 'frame' && record.type !== 'sent')) return;
    if (station !== null && record.station !== station) return;
    behindBytes += record.text.length + recordBytes;
    if (behindBytes > behindBytesMax) {
      isOverrun = true;
      behind = [];
      unsubscribe();
    } else behind.push({ record, position });
    wake?.();
  });
  signal.addEventListener('abort', onAbort);
  return {
    get isOverrun() {
      return isOverrun;
    },
    take: () => {
      const taken = behind;
      behind = [];
      behindBytes = 0;
      return taken.flatMap(({ record, position }) => framesOf(record, position));
    },
    waitMs: (timeoutMs) => {
      if (behind.length > 0 || isOverrun || signal.aborted) return Promise.resolve(true);
      return new Promise((resolve) => {
        const settle = (isWoken: boolean) => {
          clearTimeout(timer);
          wake = null;
          resolve(isWoken);
        };
        const timer = setTimeout(() => settle(false), timeoutMs);
        wake = () => settle(true);
      });
    },
    stop: () => {
      unsubscribe();
      signal.removeEventListener('abort', onAbort);
    },
  };
}

function eventOf(frame: JournalFrame): string {
  return `id: ${frame.position}\ndata: ${JSON.stringify(presentFrame(frame))}\n\n`;
}
