/** Busbar as a whole, on real sockets: routing, reload, lost backends, second connections, queues, drain. */
import { afterEach, describe, expect, test } from 'vitest';
import { commandsOfAskerMax } from '../../src/core/commands/command-queue.ts';
import { until } from '../../src/testkit/until.ts';
import { BareBackend } from './bare-backend.ts';
import { dialStation, startFixture, type BusbarFixture } from './busbar-fixture.ts';

const cleanups: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
});

async function startBackend(): Promise<BareBackend> {
  const backend = new BareBackend();
  await backend.start();
  cleanups.push(() => backend.stop());
  return backend;
}

async function start(text: string): Promise<BusbarFixture> {
  const fixture = await startFixture(text);
  cleanups.push(() => fixture.close());
  return fixture;
}

function configuration(parts: {
  readonly backends: Readonly<Record<string, BareBackend>>;
  readonly routes: string;
  readonly more?: string;
  readonly stations?: string;
}): string {
  const entries = Object.entries(parts.backends).map(
    ([name, { url }]) => `  ${name}: { url: "${url}/{station}", redial: { from: 50ms, to: 200ms } }`,
  );
  return `stations: { listen: "127.0.0.1:0" ${parts.stations ?? ''} }
admin: { listen: "127.0.0.1:0" }
storage: sqlite:./busbar.db
backends:
${entries.join('\n')}
routes: ${parts.routes}
${parts.more ?? ''}
`;
}

const boot = (vendor: string): string =>
  `[2,"b","BootNotification",{"chargePointVendor":"${vendor}","chargePointModel":"M"}]`;

describe('routing', () => {
  test('two groups of stations live on two backends at once', async () => {
    const [old, next] = [await startBackend(), await startBackend()];
    const routes = '[{ stations: "N-*", primary: new }, { stations: "*", primary: old }]';
    const { stationUrl } = await start(configuration({ backends: { old, new: next }, routes }));
    const [first, second] = [await dialStation(stationUrl('O-1')), await dialStation(stationUrl('N-1'))];
    first.send('[2,"1","Heartbeat",{}]');
    second.send('[2,"1","Heartbeat",{}]');
    await Promise.all([first.received(1), second.received(1)]);
    expect([
      old.linkCount('O-1'),
      old.linkCount('N-1'),
      next.linkCount('O-1'),
      next.linkCount('N-1'),
    ]).toEqual([1, 0, 0, 1]);
  });

  test('a station that says it is of another group comes back to that group’s backend, also after a restart', async () => {
    const [old, next] = [await startBackend(), await startBackend()];
    const routes = '[{ group: abb, primary: new }, { stations: "*", primary: old }]';
    const { stationUrl, busbar } = await start(
      configuration({ backends: { old, new: next }, routes, more: 'groups: { abb: { vendor: "ABB*" } }' }),
    );
    const first = await dialStation(stationUrl('CP-1'));
    first.send(boot('ABB AG'));
    await until('its link is closed', () => first.closed !== null);
    expect(first.closed).toEqual({ code: 1012, reason: 'moved_by_route' });
    expect(first.texts).toEqual([]);
    const again = await dialStation(stationUrl('CP-1'));
    again.send(boot('ABB AG'));
    expect(await again.received(1)).toEqual(['[3,"b",{}]']);
    expect(next.linkCount('CP-1')).toBe(1);
    await busbar.journal.flush(1_000);
    const remembered = await busbar.store.reader.stations();
    expect([...remembered.values()].map(({ boot: facts }) => facts?.vendor)).toEqual(['ABB AG']);
  });

  test('one action goes to another authority; its commands for other actions are refused', async () => {
    const [old, vendor] = [await startBackend(), await startBackend()];
    const routes = '[{ stations: "*", primary: old, actions: { DataTransfer: vendor } }]';
    const { stationUrl } = await start(configuration({ backends: { old, vendor }, routes }));
    const station = await dialStation(stationUrl('CP-1'));
    const link = await vendor.linkOf('CP-1');
    await until('the vendor’s link is open', () => link.isOpen);
    station.send('[2,"d","DataTransfer",{"vendorId":"v"}]');
    expect(await station.received(1)).toEqual(['[3,"d",{}]']);
    expect(link.texts).toHaveLength(1);
    link.send('[2,"x","Reset",{"type":"Hard"}]');
    expect((await link.received(2)).at(-1)).toBe('[3,"x",{"status":"Rejected"}]');
    expect(station.texts).toHaveLength(1);
  });
});

describe('reload', () => {
  test('moves the stations that have to move, and nobody else', async () => {
    const [old, next] = [await startBackend(), await startBackend()];
    const backends = { old, new: next };
    const fixture = await start(configuration({ backends, routes: '[{ stations: "*", primary: old }]' }));
    const [staying, moving] = [
      await dialStation(fixture.stationUrl('A-1')),
      await dialStation(fixture.stationUrl('B-1')),
    ];
    await fixture.write(
      configuration({
        backends,
        routes: '[{ stations: "B-*", primary: new }, { stations: "*", primary: old }]',
      }),
    );
    expect(await fixture.busbar.reload()).toMatchObject({ ok: true, value: { changed: true } });
    await until('the one is closed', () => moving.closed !== null);
    expect(moving.closed?.reason).toBe('moved_by_route');
    await dialStation(fixture.stationUrl('B-1'));
    staying.send('[2,"1","Heartbeat",{}]');
    await staying.received(1);
    expect([old.linkCount('A-1'), next.linkCount('B-1')]).toEqual([1, 1]);
  });

  test('refuses a contradiction as a whole, with file, line, key and reason, and nothing changes', async () => {
    const old = await startBackend();
    const fixture = await start(
      configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' }),
    );
    const station = await dialStation(fixture.stationUrl('A-1'));
    await fixture.write(configuration({ backends: { old }, routes: '[{ stations: "*", primary: other }]' }));
    const refused = await fixture.busbar.reload();
    expect(refused).toMatchObject({
      ok: false,
      fault: { kind: 'invalid', problems: [{ line: 6, key: 'routes[0].primary' }] },
    });
    station.send('[2,"1","Heartbeat",{}]');
    expect(await station.received(1)).toEqual(['[3,"1",{}]']);
  });

  test('what only a restart can change is refused as such', async () => {
    const old = await startBackend();
    const text = configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' });
    const fixture = await start(text);
    await fixture.write(text.replace('sqlite:./busbar.db', 'sqlite:./other.db'));
    expect(await fixture.busbar.reload()).toMatchObject({
      ok: false,
      fault: { problems: [{ key: 'storage' }] },
    });
  });

  test('says whether there was anything new, and is refused as late while Busbar shuts down', async () => {
    const old = await startBackend();
    const text = configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' });
    const fixture = await start(text);
    const { busbar } = fixture;
    expect(await busbar.reload()).toMatchObject({ ok: true, value: { changed: false } });
    await fixture.write(`${text}\ngroups: { pilot: { tags: [pilot] } }\n`);
    expect(await busbar.reload()).toMatchObject({ ok: true, value: { changed: true } });
    expect(await busbar.reload()).toMatchObject({ ok: true, value: { changed: false } });
    old.answers = false;
    const station = await dialStation(fixture.stationUrl('CP-1'));
    station.send('[2,"1","Heartbeat",{}]');
    await (await old.linkOf('CP-1')).received(1);
    const drained = busbar.drain(0, 2_000);
    const late = await fetch(`${busbar.adminUrl}/api/v1/config/reload`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"reason":"late"}',
    });
    expect([late.status, ((await late.json()) as { type: string }).type]).toEqual([
      503,
      'urn:busbar:problem:shutting-down',
    ]);
    await drained;
  });
});

describe('a primary that is lost', () => {
  test('closes the station’s link, is answered with 503 and Retry-After, and is found again', async () => {
    const old = await startBackend();
    const { stationUrl } = await start(
      configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' }),
    );
    old.answers = false;
    const station = await dialStation(stationUrl('CP-1'));
    station.send(
      '[2,"t","StopTransaction",{"transactionId":1,"meterStop":2,"timestamp":"2026-01-01T00:00:00Z"}]',
    );
    await (await old.linkOf('CP-1')).received(1);
    await old.stop();
    await until('the station’s link is closed', () => station.closed !== null);
    expect(station.closed).toEqual({ code: 1012, reason: 'primary_lost' });
    expect(station.texts).toEqual([]);
    const refused = await dialStation(stationUrl('CP-1'));
    expect(refused.refused?.status).toBe(503);
    expect(Number(refused.refused?.headers['retry-after'])).toBeGreaterThanOrEqual(1);
    const before = (await old.linkOf('CP-1')).texts[0];
    await old.start();
    old.answers = true;
    let back = await dialStation(stationUrl('CP-1'));
    while (!back.isOpen) back = await dialStation(stationUrl('CP-1'));
    back.send(
      '[2,"another-id","StopTransaction",{"transactionId":1,"meterStop":2,"timestamp":"2026-01-01T00:00:00Z"}]',
    );
    expect(await back.received(1)).toEqual(['[3,"another-id",{}]']);
    expect((await old.linkOf('CP-1')).texts).toEqual([before]);
  });
});

describe('a station that loses its link', () => {
  const routes = '[{ stations: "*", primary: old }]';

  test('and is back at once goes on over its backend’s link, and gets what was asked of it meanwhile', async () => {
    const old = await startBackend();
    const { stationUrl, busbar } = await start(configuration({ backends: { old }, routes }));
    for (let flap = 1; flap <= 3; flap += 1) {
      const station = await dialStation(stationUrl('CP-1'));
      station.socket.terminate();
      await until('it is gone', () => busbar.gateway.registry.connectedCount === 0);
    }
    const link = await old.linkOf('CP-1');
    link.send('[2,"c","Reset",{"type":"Soft"}]');
    const back = await dialStation(stationUrl('CP-1'));
    const [command = '[]'] = await back.received(1);
    const [, id, action] = JSON.parse(command) as string[];
    expect(action).toBe('Reset');
    back.send(`[3,"${id}",{"status":"Accepted"}]`);
    expect(await link.received(1)).toEqual(['[3,"c",{"status":"Accepted"}]']);
    expect(old.linkCount('CP-1')).toBe(1);
    expect(link.isOpen).toBe(true);
  });

  test('and stays away is refused what was asked of it, and then its backend’s link is closed', async () => {
    const old = await startBackend();
    const { stationUrl, busbar } = await start(configuration({ backends: { old }, routes }));
    const station = await dialStation(stationUrl('CP-1'));
    const link = await old.linkOf('CP-1');
    station.socket.terminate();
    await until('it is gone', () => busbar.gateway.registry.connectedCount === 0);
    link.send('[2,"c","Reset",{"type":"Soft"}]');
    await until('the link is closed', () => link.closed !== null);
    expect(link.texts).toEqual(['[3,"c",{"status":"Rejected"}]']);
    expect(link.closed?.reason).toBe('station_gone');
  });
});

describe('a second connection of the same identity', () => {
  const password = 'correct-horse-battery';

  async function startWithPassword(old: BareBackend): Promise<BusbarFixture> {
    const stations = ', auth: basic, known: { CP-1: { password: { file: secret } } }';
    const routes = '[{ stations: "*", primary: old }]';
    const fixture = await startFixture(configuration({ backends: { old }, routes, stations }), {
      secret: password,
    });
    cleanups.push(() => fixture.close());
    return fixture;
  }

  test('with the right credential the newest wins at once, and the backend does not notice', async () => {
    const old = await startBackend();
    const { stationUrl } = await startWithPassword(old);
    const options = { password };
    const first = await dialStation(stationUrl('CP-1'), options);
    const second = await dialStation(stationUrl('CP-1'), options);
    await until('the first is closed', () => first.closed !== null);
    expect(first.closed?.reason).toBe('displaced');
    second.send('[2,"1","Heartbeat",{}]');
    expect(await second.received(1)).toEqual(['[3,"1",{}]']);
    expect(old.linkCount('CP-1')).toBe(1);
  });

  test('with a wrong one, or none, nothing happens to the first', async () => {
    const old = await startBackend();
    const { stationUrl } = await startWithPassword(old);
    const first = await dialStation(stationUrl('CP-1'), { password });
    expect(
      (await dialStation(stationUrl('CP-1'), { password: 'wrong-horse-battery-x' })).refused?.status,
    ).toBe(401);
    expect((await dialStation(stationUrl('CP-1'))).refused?.status).toBe(401);
    first.send('[2,"1","Heartbeat",{}]');
    expect(await first.received(1)).toEqual(['[3,"1",{}]']);
  });

  test('without credentials a live first one stays and the second gets 409', async () => {
    const old = await startBackend();
    const { stationUrl } = await start(
      configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' }),
    );
    const first = await dialStation(stationUrl('CP-1'));
    expect((await dialStation(stationUrl('CP-1'))).refused?.status).toBe(409);
    first.send('[2,"1","Heartbeat",{}]');
    expect(await first.received(1)).toEqual(['[3,"1",{}]']);
  });

  test('without credentials a first one that does not answer a ping for five seconds makes way', async () => {
    const old = await startBackend();
    const { stationUrl } = await start(
      configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' }),
    );
    const dead = await dialStation(stationUrl('CP-1'), { autoPong: false });
    const second = await dialStation(stationUrl('CP-1'));
    expect(second.isOpen).toBe(true);
    dead.send('[2,"late","Heartbeat",{}]');
    second.send('[2,"1","Heartbeat",{}]');
    expect(await second.received(1)).toEqual(['[3,"1",{}]']);
    expect(dead.texts).toEqual([]);
  });

  test(
    'a thousand alternating connections end in one session, and no socket is left over',
    { timeout: 60_000 },
    async () => {
      const old = await startBackend();
      const { stationUrl, busbar } = await startWithPassword(old);
      const options = { password };
      const statuses = new Map<string, number>();
      for (let round = 0; round < 1_000; round += 1) {
        const peer = await dialStation(stationUrl('CP-1'), options);
        const status = peer.isOpen ? 'open' : String(peer.refused?.status);
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
      }
      // It may displace itself six times; a token comes back every hundred seconds.
      expect(Object.fromEntries(statuses)).toEqual({ open: 7, '409': 993 });
      expect(busbar.gateway.registry.connectedCount).toBe(1);
      const links = [...old.links.values()].flat().filter(({ isOpen }) => isOpen);
      expect(links).toHaveLength(1);
    },
  );
});

describe('queues', () => {
  test('a station that pipelines is answered in order, and the backend never has two calls open', async () => {
    const old = await startBackend();
    const { stationUrl } = await start(
      configuration({
        backends: { old },
        routes: '[{ stations: "*", primary: old }]',
        more: 'limits: { callsPerSecond: 10000 }',
      }),
    );
    const station = await dialStation(stationUrl('CP-1'));
    for (let call = 0; call < 500; call += 1) station.send(`[2,"${call}","Heartbeat",{}]`);
    const answers = await station.received(500);
    expect(answers.map((text) => (JSON.parse(text) as [number, string])[1])).toEqual(
      Array.from({ length: 500 }, (_, call) => String(call)),
    );
  });

  test('a backend that floods is queued to a bound, refused above it, and each command is answered once', async () => {
    const old = await startBackend();
    const { stationUrl } = await start(
      configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' }),
    );
    const station = await dialStation(stationUrl('CP-1'));
    const link = await old.linkOf('CP-1');
    for (let command = 0; command < 200; command += 1) link.send(`[2,"c${command}","TriggerMessage",{}]`);
    // One is out, and as many wait as one asker may have waiting.
    const taken = 1 + commandsOfAskerMax;
    await link.received(200 - taken);
    expect(link.texts.every((text) => text.includes('"status":"Rejected"'))).toBe(true);
    for (let answered = 1; answered <= taken; answered += 1) {
      const texts = await station.received(answered);
      expect(texts).toHaveLength(answered);
      station.send(`[3,"${(JSON.parse(texts[answered - 1] ?? '[]') as [number, string])[1]}",{}]`);
    }
    const ids = (await link.received(200)).map((text) => (JSON.parse(text) as [number, string])[1]);
    expect(new Set(ids).size).toBe(200);
  });

  test('a peer that does not read stops the other side, and Busbar’s memory does not grow', async () => {
    const old = await startBackend();
    old.answers = false;
    const { stationUrl } = await start(
      configuration({
        backends: { old },
        routes: '[{ stations: "*", primary: old }]',
        more: 'limits: { callsPerSecond: unlimited }',
      }),
    );
    const station = await dialStation(stationUrl('CP-1'), { protocols: ['ocpp2.1'] });
    const link = await old.linkOf('CP-1');
    link.socket.pause();
    const filler = 'x'.repeat(60_000);
    const before = process.memoryUsage().rss;
    for (let send = 0; send < 2_000; send += 1)
      station.send(`[6,"s${send}","NotifyPeriodicEventStream",{"f":"${filler}"}]`);
    await until(
      'the station cannot get rid of its frames',
      () => station.socket.bufferedAmount > 50_000_000 || station.closed !== null,
      5_000,
    );
    // 120 MB are on their way; what left the station's own buffer is at most what Busbar and the kernel hold.
    const taken = 2_000 * filler.length - station.socket.bufferedAmount;
    expect(taken).toBeLessThan(40_000_000);
    expect(process.memoryUsage().rss - before).toBeLessThan(400_000_000);
  });
});

describe('drain', () => {
  test('refuses newcomers, finishes the call in flight, closes with 1012', async () => {
    const old = await startBackend();
    old.answers = false;
    const { stationUrl, busbar } = await start(
      configuration({ backends: { old }, routes: '[{ stations: "*", primary: old }]' }),
    );
    const station = await dialStation(stationUrl('CP-1'));
    station.send('[2,"1","Heartbeat",{}]');
    const link = await old.linkOf('CP-1');
    const [call = '[]'] = await link.received(1);
    const drained = busbar.drain(0, 5_000);
    expect((await dialStation(stationUrl('CP-2'))).refused?.status).toBe(503);
    link.send(`[3,"${(JSON.parse(call) as [number, string])[1]}",{}]`);
    expect(await drained).toBe(true);
    await until('the station is closed', () => station.closed !== null);
    expect(station.texts).toEqual(['[3,"1",{}]']);
    expect(station.closed).toEqual({ code: 1012, reason: 'shutting_down' });
  });
});
