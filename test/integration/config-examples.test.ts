/** Every configuration in examples/ is read as it stands, and a gateway starts with it. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { startBusbar } from '../../src/app/busbar.ts';
import { loadConfiguration, type LoadedConfiguration } from '../../src/control/configuration/load.ts';
import { formatProblem } from '../../src/control/configuration/problem.ts';
import type { Settings } from '../../src/ports/settings.ts';
import { disconnects } from '../../src/core/routing/table.ts';
import { createAuthority } from '../../src/testkit/certificates.ts';
import { withFolder } from './config-folder.ts';
import { silentLog } from './edge-harness.ts';

const folder = join(import.meta.dirname, '../../examples');
const examples = (await readdir(folder)).filter((name) => name.endsWith('.yaml') && name !== 'stations.yaml');

/** What the examples point at, beside one another. */
let files: Record<string, string> = {};
const env = { ROAMING_PASSWORD: 'roaming secret', GRAFANA_TOKEN_SHA256: 'ab'.repeat(32) };

beforeAll(async () => {
  const authority = await createAuthority('Busbar Example CA');
  const rsa = await authority.issue({ use: 'server', keyType: 'rsa', commonName: 'localhost' });
  const ec = await authority.issue({ use: 'server', keyType: 'ecdsa', commonName: 'localhost' });
  files = {
    'tls/rsa.pem': rsa.cert,
    'tls/rsa.key': rsa.key,
    'tls/ec.pem': ec.cert,
    'tls/ec.key': ec.key,
    'tls/busbar.pem': ec.cert,
    'tls/busbar.key': ec.key,
    'tls/csms-ca.pem': authority.cert,
    'tls/stations-ca.pem': authority.cert,
    'stations.yaml': await readFile(join(folder, 'stations.yaml'), 'utf8'),
    ...Object.fromEntries(
      ['CP-1', 'CP-2', 'CP-3', 'csms-CP-1', 'new-CP-1'].map((name) => [
        `secrets/${name}`,
        `secret of ${name}\n`,
      ]),
    ),
  };
});

async function load(name: string): Promise<LoadedConfiguration> {
  const text = await readFile(join(folder, name), 'utf8');
  return withFolder({ ...files, [name]: text }, async ({ path }) => {
    const loaded = await loadConfiguration(join(path, name), env);
    if (!loaded.ok) throw new Error(loaded.fault.map(formatProblem).join('\n'));
    return loaded.value;
  });
}

/** The same on ports of this machine, with a journal in memory. */
function here(settings: Settings): Settings {
  return {
    ...settings,
    listener: { ...settings.listener, host: '127.0.0.1', port: 0 },
    admin: { ...settings.admin, host: '127.0.0.1', port: 0 },
    storage: { kind: 'sqlite', file: ':memory:' },
  };
}

test('there are examples', () => {
  expect(examples.toSorted()).toEqual([
    'client-certificates.yaml',
    'observer.yaml',
    'one-backend.yaml',
    'tls-passwords.yaml',
    'two-backends.yaml',
  ]);
});

test.each(examples)('%s starts a gateway that is ready', async (name) => {
  const { settings } = await load(name);
  const started = await startBusbar({
    settings: here(settings),
    log: silentLog,
    readAgain: () => Promise.resolve({ ok: true, value: here(settings) }),
  });
  if (!started.ok) throw new Error(`${started.fault.where}: ${started.fault.reason}`);
  const busbar = started.value;
  const ready = await fetch(`${busbar.adminUrl}/readyz`, { signal: AbortSignal.timeout(5_000) });
  await busbar.drain(0, 5_000);
  expect(ready.status).toBe(200);
});

test('they say what their comments say', async () => {
  const [one, two, passwords, certificates, observer] = await Promise.all(
    [
      'one-backend.yaml',
      'two-backends.yaml',
      'tls-passwords.yaml',
      'client-certificates.yaml',
      'observer.yaml',
    ].map(load),
  );
  expect(observer?.settings.routing.routes[0]?.assignment.observers.map(({ backend }) => backend)).toEqual([
    'new',
    'analytics',
  ]);
  expect(observer?.settings.routing.backends.get('new')?.nonBilling).toBe(true);
  expect(one?.settings.backends.get('csms')?.credentials).toEqual({ kind: 'forward' });
  expect(two?.settings.routing.routes.map(({ assignment }) => assignment.primary)).toEqual([
    'new',
    'new',
    'old',
  ]);
  expect(two?.settings.routing.routes.map(({ assignment }) => assignment.whenDown)).toEqual([
    disconnects,
    disconnects,
    { covers: true, untilMs: 4 * 3_600_000, untilMessages: Infinity },
  ]);
  expect([...(passwords?.settings.listener.known.keys() ?? [])]).toEqual(['CP-2', 'CP-3', 'CP-1']);
  expect(passwords?.settings.listener).toMatchObject({ auth: 'basic', admit: 'listed', hideUnknown: true });
  expect(certificates?.settings.listener).toMatchObject({ auth: 'certificate', host: '::' });
});
