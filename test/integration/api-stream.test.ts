import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { createMemoryDisk, openMemoryJournal } from '../../src/adapters/memory/journal-store.ts';
import { createClient, type Client, type ClientFault } from '../../src/api/client.ts';
import { readEvents } from '../../src/api/event-stream.ts';
import { followFrames } from '../../src/api/frame-stream.ts';
import { streamsMax } from '../../src/api/stream-routes.ts';
import type { JournalReader } from '../../src/ports/journal.ts';
import type { StationId } from '../../src/protocol/station-id.ts';
import { keepAll, openFile, temporaryFolder } from '../contract/journal-stores.ts';
import { createTestJournal, heartbeat, startWorld, tokens, tokenSettings, type World } from './api-world.ts';

const open: World[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((world) => world.api.close()));
});

async function started(...given: Parameters<typeof startWorld>): Promise<World> {
  const world = await startWorld(...given);
  open.push(world);
  return world;
}

function clientOf(world: World, given: { token?: string } = {}): Client {
  return createClient({
    url: world.api.url,
    token: given.token ?? null,
    timeoutMs: 5_000,
    reconnectMs: 10_000,
  });
}

const positionsUpTo = (last: number): number[] => Array.from({ length: last }, (_, index) => index + 1);

/** Commits `count` records, a few at a time. */
async function commitMany(world: World, count: number, padding = ''): Promise<void> {
  for (let serial = 0; serial < count; serial += 10) {
    const few = Array.from({ length: Math.min(10, count - serial) }, (_, index) => {
      const record = heartbeat(`CP-${(serial + index) % 3}`, serial + index);
      return { ...record, text: record.text.replace('{}', `{"pad":"${padding}"}`) };
    });
    await world.journal.commit(...few);
  }
}

describe('the stream of frames', () => {
  test('gives 10,000 records once each and in order, while they are committed, over lost connections', async () => {
    const world = await started();
    await commitMany(world, 3_000);
    const client = clientOf(world);
    const seen: number[] = [];
    let after = '0';
    let connections = 0;
    const committing = commitMany(world, 7_000);
    while (seen.length < 20_000) {
      connections += 1;
      let inThisConnection = 0;
      for await (const event of client.followFrames({ after })) {
        if (!event.ok) throw new Error(event.fault.message);
        seen.push(event.value.frame.position);
        after = event.value.id;
        inThisConnection += 1;
        // Leaving the loop cuts the connection wherever the server is.
        if (inThisConnection === 1_777 || seen.length === 20_000) break;
      }
    }
    await committing;
    expect(seen).toEqual(positionsUpTo(20_000));
    expect(connections).toBeGreaterThan(10);
  });

  test('misses nothing that is committed between a read and the feed, and repeats nothing that both have', async () => {
    const journal = createTestJournal();
    let serial = 0;
    const commitOne = () => journal.commit(heartbeat('CP-1', serial++));
    const reader: JournalReader = {
      ...journal.reader,
      frames: async (query) => {
        if (query.order === 'desc' || serial >= 4) return journal.reader.frames(query);
        // One that this read shows and, once the stream has subscribed, the feed has too; one that comes too late for the read.
        await commitOne();
        const page = await journal.reader.frames(query);
        await commitOne();
        return page;
      },
    };
    const world = await started({ journal: { ...journal, reader } });
    const seen: number[] = [];
    for await (const event of clientOf(world).followFrames({ after: '0' })) {
      if (!event.ok) throw new Error(event.fault.message);
      seen.push(event.value.frame.position);
      if (seen.length === 8) await commitOne();
      if (seen.length === 10) break;
    }
    expect(seen).toEqual(positionsUpTo(10));
  });

  test('holds back a bounded amount for a reader that stops, and gives it everything once it reads on', async () => {
    const world = await started();
    const response = await openRaw(world, '/api/v1/frames/stream?after=0');
    response.pause();
    await commitMany(world, 4_000, 'x'.repeat(4_000));
    // 32 MB were committed while nobody read: far beyond what the sockets between hold. The stream has let go of the feed.
    expect(world.journal.listenerCount).toBe(0);
    const seen: number[] = [];
    for await (const event of readEvents(response)) {
      if (event.data !== null) seen.push((JSON.parse(event.data) as { position: number }).position);
      if (seen.length === 8_000) break;
    }
    expect(seen).toEqual(positionsUpTo(8_000));
  });

  test('of one station gives only its frames', async () => {
    const world = await started();
    await commitMany(world, 300);
    const seen: string[] = [];
    for await (const event of clientOf(world).followFrames({ after: '0', station: 'CP-1' })) {
      if (!event.ok) throw new Error(event.fault.message);
      seen.push(event.value.frame.station);
      if (seen.length === 200) break;
    }
    expect(new Set(seen)).toEqual(new Set(['CP-1']));
  });

  test('starts from now, and names the place to resume from before the first frame', async () => {
    const world = await started();
    await commitMany(world, 10);
    const response = await openRaw(world, '/api/v1/frames/stream');
    const events = readEvents(response);
    expect((await events.next()).value).toEqual({ id: '20', data: null });
    await until(() => world.journal.listenerCount === 1);
    await world.journal.commit(heartbeat('CP-1', 10));
    const first = (await events.next()).value;
    expect(first?.id).toBe('21');
    response.destroy();
  });

  test('prefers Last-Event-ID, which a browser sends when it comes back, to the query it began with', async () => {
    const world = await started();
    await commitMany(world, 10);
    const response = await openRaw(world, '/api/v1/frames/stream?after=0', { 'last-event-id': '18' });
    const events = readEvents(response);
    await events.next();
    expect((await events.next()).value?.id).toBe('19');
    response.destroy();
  });

  test('resumes after a frame that was deleted since, also when none is left', async () => {
    const store = openMemoryJournal(createMemoryDisk(), keepAll, Date.now);
    const world = await started({ journal: createTestJournal(store) });
    await commitMany(world, 10);
    store.retain({ framesMs: 1_000, bytesMax: Infinity });
    const opened = {
      link: 'station',
      change: 'opened',
      version: 'ocpp1.6',
      code: null,
      reason: null,
    } as const;
    await world.journal.commit({ type: 'link', at: Date.now(), station: 'CP-1' as StationId, ...opened });
    expect(await world.journal.reader.frames({ limit: 1 })).toEqual([]);
    const response = await openRaw(world, '/api/v1/frames/stream?after=20');
    const events = readEvents(response);
    expect((await events.next()).value).toEqual({ id: '20', data: null });
    response.destroy();
    expect((await fetch(`${world.api.url}/api/v1/frames/stream?after=22`)).status).toBe(422);
  });

  test('sends a comment into silence', async () => {
    const { reader, feed } = createTestJournal();
    const { signal } = new AbortController();
    const options = { reader, feed, station: null, after: 0, heartbeatMs: 5, behindBytesMax: 1_000, signal };
    const text = followFrames(options);
    const said = [await text.next(), await text.next(), await text.next()].map(({ value }) => value);
    await text.return();
    expect(said).toEqual(['retry: 1000\nid: 0\n\n', ': heartbeat\n\n', ': heartbeat\n\n']);
  });

  test('leaves nothing behind when its client goes', async () => {
    const world = await started();
    const response = await openRaw(world, '/api/v1/frames/stream');
    await until(() => world.journal.listenerCount === 1);
    response.destroy();
    await until(() => world.journal.listenerCount === 0);
  });

  test('takes no place of others where its client went before it began', async () => {
    const journal = createTestJournal();
    const waiting: (() => void)[] = [];
    let isHeldUp = true;
    const reader: JournalReader = {
      ...journal.reader,
      frames: async (query) => {
        if (isHeldUp) await new Promise<void>((resolve) => waiting.push(resolve));
        return journal.reader.frames(query);
      },
    };
    const world = await started({ journal: { ...journal, reader } });
    const hasty = Array.from({ length: streamsMax }, () =>
      get(`${world.api.url}/api/v1/frames/stream`, { agent: false }).on('error', () => undefined),
    );
    await until(() => waiting.length === streamsMax);
    for (const request of hasty) request.destroy();
    // The server has heard of it once it answers another that came later.
    for (let count = 0; count < 3; count += 1) await fetch(`${world.api.url}/livez`);
    isHeldUp = false;
    for (const goOn of waiting) goOn();
    for (let count = 0; count < 3; count += 1) await fetch(`${world.api.url}/livez`);
    const response = await openRaw(world, '/api/v1/frames/stream');
    expect(response.statusCode).toBe(200);
    await until(() => journal.listenerCount === 1);
    response.destroy();
  });

  test('is refused beyond the number of streams allowed, and possible again when one is closed', async () => {
    const world = await started();
    const responses = await Promise.all(
      Array.from({ length: streamsMax }, () => openRaw(world, '/api/v1/frames/stream')),
    );
    const refused = await fetch(`${world.api.url}/api/v1/frames/stream`);
    expect([refused.status, ((await refused.json()) as { type: string }).type]).toEqual([
      503,
      'urn:busbar:problem:too-many-streams',
    ]);
    responses[0]?.destroy();
    await until(() => world.journal.listenerCount === streamsMax - 1);
    const again = await openRaw(world, '/api/v1/frames/stream');
    expect(again.statusCode).toBe(200);
  });
});

describe('a journal', () => {
  test('whose reader stops short at large texts is read whole, by pages and by the stream', async () => {
    const folder = await temporaryFolder();
    const store = await openFile(join(folder.path, 'journal.db'));
    const world = await started({ journal: createTestJournal(store) });
    const text = `[2,"1","DataTransfer",{"data":"${'x'.repeat(900_000)}"}]`;
    const records = Array.from({ length: 12 }, (_, serial) => ({
      ...heartbeat('CP-1', serial),
      text,
      idStart: 3,
      idEnd: 6,
    }));
    for (const record of records) await world.journal.commit(record);
    const client = clientOf(world);
    const paged: number[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await client.frames('CP-1', cursor === '' ? {} : { cursor });
      if (!page.ok) throw new Error(page.fault.message);
      paged.push(...page.value.items.map(({ position }) => position));
      cursor = page.value.nextCursor;
    }
    const streamed: number[] = [];
    for await (const event of client.followFrames({ after: '0' })) {
      if (!event.ok) throw new Error(event.fault.message);
      streamed.push(event.value.frame.position);
      if (streamed.length === 24) break;
    }
    await store.close();
    await folder.remove();
    expect(paged).toEqual(positionsUpTo(24));
    expect(streamed).toEqual(positionsUpTo(24));
  });

  test('that cannot be read is 503, and ends a stream with a comment so that its client resumes', async () => {
    const journal = createTestJournal();
    let isBroken = false;
    const reader: JournalReader = {
      ...journal.reader,
      frames: (query) =>
        isBroken && query.order !== 'desc'
          ? Promise.reject(Object.assign(new Error('disk'), { code: 'storage_unavailable' }))
          : journal.reader.frames(query),
    };
    const world = await started({ journal: { ...journal, reader } });
    isBroken = true;
    const refused = await clientOf(world).frames('CP-1', {});
    expect(refused).toMatchObject({
      ok: false,
      fault: { problem: { status: 503, type: 'urn:busbar:problem:storage-unavailable' } },
    });
    const response = await fetch(`${world.api.url}/api/v1/frames/stream`);
    expect([response.status, await response.text()]).toEqual([
      200,
      'retry: 1000\nid: 0\n\n: the journal cannot be read now, resume from the last id\n\n',
    ]);
  });
});

describe('the client', () => {
  test('goes on by itself when the gateway restarts under it: every frame once, and told once', async () => {
    const journal = createTestJournal();
    const first = await startWorld({ journal });
    await commitMany(first, 100);
    const lost: ClientFault[] = [];
    const seen: number[] = [];
    let second: World | null = null;
    for await (const event of clientOf(first).followFrames({
      after: '0',
      onLost: (fault) => lost.push(fault),
    })) {
      if (!event.ok) throw new Error(event.fault.message);
      seen.push(event.value.frame.position);
      if (seen.length === 150) {
        await first.api.close();
        await commitMany(first, 50);
        second = await started({ journal, port: first.api.port });
      }
      if (seen.length === 300) break;
    }
    expect(second).not.toBeNull();
    expect(seen).toEqual(positionsUpTo(300));
    expect(lost.map(({ fault }) => fault)).toEqual(['unreachable']);
  });

  test('gives up a stream that is refused, with what the server said', async () => {
    const world = await started({ tokens: tokenSettings });
    const events = [];
    for await (const event of clientOf(world, { token: 'wrong' }).followFrames({})) events.push(event);
    expect(events).toMatchObject([{ ok: false, fault: { fault: 'refused', problem: { status: 401 } } }]);
  });

  test('ends a stream when it is told to stop', async () => {
    const world = await started();
    const controller = new AbortController();
    const ended = (async () => {
      for await (const event of clientOf(world).followFrames({ signal: controller.signal })) return event;
      return 'ended';
    })();
    await until(() => world.journal.listenerCount === 1);
    controller.abort();
    expect(await ended).toBe('ended');
  });

  test('asks for each thing and hands it over', async () => {
    const world = await started({ tokens: tokenSettings });
    await commitMany(world, 6);
    const client = clientOf(world, { token: tokens.admin });
    expect(await client.stations({ connected: false, limit: 5 })).toMatchObject({
      ok: true,
      value: { items: [{ id: 'CP-2' }] },
    });
    expect(await client.station('CP-1')).toMatchObject({ ok: true, value: { vendor: 'ABB' } });
    expect(await client.frames('CP-1', { limit: 1, order: 'desc' })).toMatchObject({
      ok: true,
      value: { items: [{ position: 10 }] },
    });
    expect(await client.backends()).toMatchObject({
      ok: true,
      value: { items: [{ name: 'old' }, { name: 'new' }] },
    });
    expect(await client.backend('new')).toMatchObject({ ok: true, value: { name: 'new' } });
    expect(await client.reloadConfiguration('test')).toEqual({ ok: true, value: { changed: true } });
  });

  test('says in a sentence why it has no answer', async () => {
    const world = await started();
    const unknown = await clientOf(world).station('CP-9');
    expect(unknown).toMatchObject({
      ok: false,
      fault: {
        fault: 'refused',
        message: 'Unknown station: No station CP-9 has ever connected and none is configured.',
      },
    });
    const gone = await startWorld();
    await gone.api.close();
    const nobody = await clientOf(gone).backends();
    expect(nobody).toMatchObject({ ok: false, fault: { fault: 'unreachable' } });
    if (!nobody.ok)
      expect(nobody.fault.message).toMatch(/cannot be reached at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/);
  });
});

describe('events', () => {
  test.each([1, 2, 3, 5, 1000])('are read whole when they come in pieces of %i bytes', async (size) => {
    const bytes = new TextEncoder().encode(
      ': hello\n\nid: 7\ndata: {"a":"ü€😀"}\n\nid:8\r\ndata:one\r\ndata: two\r\n\r\nid: 9\n\ndata: cut off',
    );
    const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
      bytes.slice(index * size, (index + 1) * size),
    );
    const events = [];
    for await (const event of readEvents(toAsync(pieces))) events.push(event);
    expect(events).toEqual([
      { id: '', data: null },
      { id: '7', data: '{"a":"ü€😀"}' },
      { id: '8', data: 'one\ntwo' },
      { id: '9', data: null },
    ]);
  });
});

async function* toAsync<Item>(items: Iterable<Item>): AsyncGenerator<Item> {
  yield* items;
}

async function openRaw(
  world: World,
  path: string,
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const request = get(world.api.url + path, { headers, agent: false });
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  request.on('error', () => undefined);
  response.on('error', () => undefined);
  return response;
}

async function until(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error('the condition did not come true in time');
    await setImmediate();
  }
}
