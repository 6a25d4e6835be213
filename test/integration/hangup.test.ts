import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { busbarArguments } from '../../src/testkit/launch.ts';
import { until } from '../../src/testkit/until.ts';

/** Busbar in a process of its own, before a backend at that port; what it has logged so far. */
async function serving(folder: string, port: number) {
  const config = join(folder, 'busbar.yaml');
  await writeFile(
    config,
    [
      'stations: { listen: "127.0.0.1:0" }',
      'admin: { listen: "127.0.0.1:0" }',
      'storage: "sqlite:busbar.db"',
      `backends: { old: { url: "ws://127.0.0.1:${port}/{station}" } }`,
      'routes: [{ stations: "*", primary: old }]',
    ].join('\n'),
  );
  const child = spawn(process.execPath, [...busbarArguments(), 'serve', '--config', config], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const busbar = { child, log: '' };
  child.stderr.on('data', (chunk: Buffer) => (busbar.log += chunk.toString()));
  return busbar;
}

test('a hangup while it drains does not end it', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-hangup-'));
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => 'ocpp1.6' });
  await once(server, 'listening');
  let heard = 0;
  server.on('connection', (socket) => socket.on('message', () => (heard += 1)));
  const { port } = server.address() as AddressInfo;
  const busbar = await serving(folder, port);
  const { child } = busbar;
  try {
    await until('it listens', () => busbar.log.includes('"event":"started"'), 30_000);
    const stationPort = /"stationPort":(\d+)/.exec(busbar.log)?.[1];
    const station = new WebSocket(`ws://127.0.0.1:${stationPort}/CP-1`, ['ocpp1.6']);
    station.on('error', () => {});
    await once(station, 'open');
    station.send(
      '[2,"1","StartTransaction",{"connectorId":1,"idTag":"A","meterStart":0,"timestamp":"2026-01-01T00:00:00Z"}]',
    );
    await until('its call is on its way', () => heard > 0, 5_000);
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await until('it drains', () => busbar.log.includes('"event":"draining"'), 5_000);
    child.kill('SIGHUP');
    const [code, signal] = (await ended) as [number | null, string | null];
    expect([signal, busbar.log.includes('"event":"stopped"')]).toEqual([null, true]);
    expect(code).toBe(0);
  } finally {
    child.kill('SIGKILL');
    server.close();
    for (const client of server.clients) client.terminate();
    await rm(folder, { recursive: true, force: true });
  }
});

test('a hangup while it starts does not end it, and is caught up with', { timeout: 60_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'busbar-hangup-'));
  const busbar = await serving(folder, 9);
  const { child } = busbar;
  try {
    await until('it opens its journal', () => existsSync(join(folder, 'busbar.db')), 30_000);
    expect(busbar.log).toBe('');
    child.kill('SIGHUP');
    await until(
      'it has started and reloaded',
      () => busbar.log.includes('"event":"config_reloaded"'),
      30_000,
    );
    expect(busbar.log).toContain('"event":"started"');
  } finally {
    child.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
