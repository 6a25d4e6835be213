/** From files to settings: references, secrets, certificates, revisions. */
import { X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { configurationForBackends } from '../../src/control/configuration/load.ts';
import { formatProblem, ProblemList } from '../../src/control/configuration/problem.ts';
import { publishedSchema } from '../../src/control/configuration/json-schema.ts';
import { readYaml } from '../../src/control/configuration/yaml-source.ts';
import { assign, plainAssignment } from '../../src/core/routing/table.ts';
import type { Settings } from '../../src/ports/settings.ts';
import { checkStationId, type StationId } from '../../src/protocol/station-id.ts';
import { Secret } from '../../src/std/secret.ts';
import { createAuthority } from '../../src/testkit/certificates.ts';
import { configurationOf, problemsOf, withFolder } from './config-folder.ts';
import { Ajv2020 } from 'ajv/dist/2020.js';

const backend = 'backends:\n  old: { url: wss://old.example/ocpp }\n';

function stationId(text: string): StationId {
  const id = checkStationId(text);
  if (!id.ok) throw new Error(`not an identity: ${text}`);
  return id.value;
}

const textOf = (secret: Secret | null | undefined): string | null =>
  secret === null || secret === undefined ? null : Buffer.from(secret.reveal()).toString('latin1');

function passwordAt(settings: Settings, name: string, station: string): string | null {
  const credentials = settings.backends.get(name)?.credentials;
  if (credentials?.kind !== 'password') return null;
  const { password } = credentials;
  return textOf(password instanceof Secret ? password : password.get(stationId(station)));
}

describe('a file with everything', () => {
  const text = `
stations:
  listen: 127.0.0.1:9000
  admit: listed
  hideUnknown: true
  auth: basic
  knownFrom: fleet/stations.yaml
  known:
    CP-1:
      password: { file: secrets/CP-1 }
      certificate: { commonName: SN-0001 }
      tags: [pilot]
      site: berlin-1
      identities: { new: DE-CP-1 }
    CP-2: { password: { env: CP_2 } }
admin:
  listen: "[::1]:9001"
  tokens: [{ name: ops, role: operator, hash: ${'A'.repeat(64)} }]
storage: sqlite:journal/busbar.db
retention: { frames: 7d, size: 1GiB }
backends:
  old:
    url: wss://\${HOST}/ocpp/{station}
    identity: X-{station}
    versions: [ocpp2.0.1, ocpp1.6]
    credentials: { password: { file: secrets/old-{station} } }
    headers: { X-Forwarded-Proto: https }
    callTimeout: 20s
    redial: { from: 2s, to: 30s }
    connectRate: 120/min
  new: { url: ws://new.example:9301 }
groups:
  berlin: { stations: ["DE*BER*"], vendor: ABB, model: "Terra*", firmware: ">=1.8", tags: [pilot] }
routes:
  - { group: berlin, primary: new, actions: { DataTransfer: old } }
  - { stations: "*", primary: old, whenDown: disconnect, localAnswers: none, clock: relay }
stationSettings: { callTimeout: 10s, ping: 2min, pong: 5s }
limits: { stationFrame: 64KiB, callsPerSecond: unlimited, connectsPerHour: 30, handshakes: 50 }
privacy: { tokensInLogs: masked }
`;
  const files = {
    'fleet/stations.yaml': 'CP-3: { password: { file: secrets/CP-3 } }\n007:\n',
    'fleet/secrets/CP-3': 'three\r\n',
    'secrets/CP-1': 'one\n',
    'secrets/old-CP-1': 'old one',
    'secrets/old-CP-2': 'old\ntwo\n\n',
    'secrets/other': 'x',
  };
  const env = { HOST: 'csms.example', CP_2: 'two\n' };

  test('becomes settings', async () => {
    const { settings } = await configurationOf(text, env, files);
    const { listener, admin, storage, retention, station, links } = settings;
    expect(listener).toMatchObject({
      host: '127.0.0.1',
      port: 9000,
      tls: null,
      admit: 'listed',
      hideUnknown: true,
      auth: 'basic',
    });
    expect(admin).toEqual({
      host: '::1',
      port: 9001,
      tokens: [{ name: 'ops', role: 'operator', hash: 'a'.repeat(64) }],
    });
    expect(storage.file).toMatch(/busbar-config-[^/]+\/journal\/busbar\.db$/);
    expect(retention).toEqual({ framesMs: 604_800_000, bytesMax: 1_073_741_824 });
    expect(station).toEqual({
      callTimeoutMs: 10_000,
      answerWithinMs: 8_000,
      heldMax: 100_000,
      heldCharactersMax: 67_108_864,
      heldInAllMax: 268_435_456,
      pingIntervalMs: 120_000,
      pongTimeoutMs: 5_000,
      callsPerSecond: Infinity,
      connectsPerHour: 30,
    });
    expect(links).toMatchObject({
      stationFrameBytes: 65_536,
      backendFrameBytes: 1_048_576,
      handshakesMax: 50,
      fragmentsMax: 64,
    });
    expect(listener.limits).toBe(links);
    const old = settings.backends.get('old');
    expect(old).toMatchObject({
      url: 'wss://csms.example/ocpp/{station}',
      identity: 'X-{station}',
      versions: ['ocpp2.0.1', 'ocpp1.6'],
      callTimeoutMs: 20_000,
      redialFromMs: 2_000,
      redialToMs: 30_000,
      connectsPerSecond: 2,
    });
    expect([...(old?.headers ?? [])]).toEqual([['X-Forwarded-Proto', 'https']]);
    expect(settings.backends.get('new')).toMatchObject({
      url: 'ws://new.example:9301/{station}',
      connectsPerSecond: Infinity,
      credentials: { kind: 'none' },
    });
  });

  test('knows the stations of both places, with their passwords as written', async () => {
    const { settings } = await configurationOf(text, env, files);
    const { known } = settings.listener;
    expect([...known.keys()].toSorted()).toEqual(['007', 'CP-1', 'CP-2', 'CP-3']);
    const passwords = [...known].map(([id, station]) => [id, textOf(station.password)] as const);
    expect(passwords.toSorted(([left], [right]) => (left < right ? -1 : 1))).toEqual([
      ['007', null],
      ['CP-1', 'one'],
      ['CP-2', 'two\n'],
      ['CP-3', 'three'],
    ]);
    const first = known.get(stationId('CP-1'));
    expect(first).toMatchObject({
      certificate: { commonName: 'SN-0001' },
      tags: ['pilot'],
      site: 'berlin-1',
    });
    expect(first?.identities.get('new')).toBe('DE-CP-1');
    expect(known.get(stationId('007'))).toMatchObject({ certificate: null, tags: [], site: null });
  });

  test('gives each station its own password at a backend', async () => {
    const { settings } = await configurationOf(text, env, files);
    expect(passwordAt(settings, 'old', 'CP-1')).toBe('old one');
    expect(passwordAt(settings, 'old', 'CP-2')).toBe('old\ntwo\n');
    expect(passwordAt(settings, 'old', 'CP-3')).toBeNull();
  });

  test('routes', async () => {
    const { settings } = await configurationOf(text, env, files);
    const facts = { tags: ['pilot'], vendor: 'ABB', model: 'Terra 54', firmware: '1.10' };
    const berlin = assign(settings.routing, { id: stationId('DE-BER-1'), ...facts });
    expect(berlin).toMatchObject({ route: 0, group: 'berlin', primary: 'new' });
    expect(berlin?.actions.get('DataTransfer')).toBe('old');
    expect(assign(settings.routing, { id: stationId('AT-1'), ...facts })).toMatchObject({
      route: 1,
      group: null,
      primary: 'old',
    });
    expect(settings.routing.backends.get('old')).toMatchObject({
      name: 'old',
      versions: ['ocpp2.0.1', 'ocpp1.6'],
      callTimeoutMs: 20_000,
    });
  });

  test('is printed with every default and without a secret', async () => {
    const secrets = {
      'secrets/CP-1': 'hush-1',
      'secrets/old-CP-1': 'hush-2',
      'fleet/secrets/CP-3': 'hush-3',
    };
    const spoken = text
      .replace('X-Forwarded-Proto: https', 'X-Forwarded-Proto: https, X-Api-Key: "${KEY}"')
      .replace('/ocpp/{station}', '/ocpp/{station}?token=hush-6');
    const { effective } = await configurationOf(
      spoken,
      { ...env, CP_2: 'hush-4', KEY: 'hush-5' },
      { ...files, ...secrets },
    );
    expect(effective()).not.toContain('hush');
    expect(effective()).not.toContain('A'.repeat(64));
    expect(effective().match(/\*\*\*/g)).toHaveLength(6);
    for (const line of [
      'X-Forwarded-Proto: https',
      'fragments: 64',
      'url: wss://csms.example/ocpp/{station}?token=***',
      'auth: basic',
    ])
      expect(effective()).toContain(line);
  });

  test('fits the published schema', async () => {
    const { parse } = await import('yaml');
    const validate = new Ajv2020({
      strict: true,
      allErrors: true,
      validateFormats: false,
      strictTypes: false,
    }).compile(publishedSchema());
    const plain = text.replaceAll('{station}', 'STATION').replaceAll('${HOST}', 'host');
    expect(validate(parse(plain)), JSON.stringify(validate.errors)).toBe(true);
    expect(validate({ backends: { old: {} } })).toBe(false);
    expect(validate({ backends: { old: { url: 'wss://a', callTimeout: '30' } } })).toBe(false);
    expect(validate({ backends: { old: { url: 'wss://a', callTimeout: '${TIMEOUT}' } } })).toBe(true);
    expect(validate({ backends: { old: { url: 'wss://a' } }, sinks: [] })).toBe(false);
  });
});

describe('a route with several backends', () => {
  const text = `
backends:
  old: { url: wss://old.example }
  new: { url: wss://new.example, nonBilling: true }
  tariffs: { url: wss://tariffs.example }
routes:
  - stations: "DE*"
    primary: old
    observers:
      - { backend: new, receives: [registration, transactions, authorisation], commands: [GetConfiguration, Reset] }
      - { backend: tariffs }
    configurationKeys: { PriceList: old, "Price*": tariffs, "TariffCostCtrlr.*": tariffs }
    localAnswers: [Heartbeat, MeterValues, Heartbeat]
    clock: own
  - { stations: "*", primary: old }
`;

  test('says who listens to what, and who may write which keys, in the order of the file', async () => {
    const { settings } = await configurationOf(text);
    const [first, second] = settings.routing.routes.map(({ assignment }) => assignment);
    expect(first).toEqual({
      route: 0,
      group: null,
      primary: 'old',
      actions: new Map(),
      observers: [
        {
          backend: 'new',
          receives: new Set(['registration', 'transactions', 'authorisation']),
          commands: new Set(['GetConfiguration', 'Reset']),
        },
        {
          backend: 'tariffs',
          receives: new Set(['registration', 'liveness', 'state']),
          commands: new Set(),
        },
      ],
      standbys: [],
      keys: [
        { pattern: 'PriceList', backend: 'old' },
        { pattern: 'Price*', backend: 'tariffs' },
        { pattern: 'TariffCostCtrlr.*', backend: 'tariffs' },
      ],
      localAnswers: new Set(['Heartbeat', 'MeterValues']),
      clock: 'own',
      whenDown: { covers: false, untilMs: 0, untilMessages: 0 },
      authorizeWhenDown: 'known',
    });
    expect(second).toEqual(plainAssignment(1, 'old'));
    const billing = [...settings.routing.backends.values()].map(({ name, nonBilling }) => [name, nonBilling]);
    expect(billing).toEqual([
      ['old', false],
      ['new', true],
      ['tariffs', false],
    ]);
  });

  test('fits the published schema, and is printed', async () => {
    const { parse } = await import('yaml');
    const validate = new Ajv2020({ strict: true, validateFormats: false, strictTypes: false }).compile(
      publishedSchema(),
    );
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(true);
    const { effective } = await configurationOf(text);
    expect(effective()).toContain('- backend: tariffs');
    expect(effective()).toContain('nonBilling: true');
  });
});

describe('the environment', () => {
  test('fills in text, and numbers where they stand bare', async () => {
    const text = `${backend}limits: { fragments: \${N} }\nretention: { frames: "\${N}d" }\nstations: { hideUnknown: \${YES}, known: { CP-1: { site: "\${N}" } } }\n`;
    const { settings } = await configurationOf(text, { N: '7', YES: 'true' });
    expect(settings.links.fragmentsMax).toBe(7);
    expect(settings.retention.framesMs).toBe(604_800_000);
    expect(settings.listener.hideUnknown).toBe(true);
    expect(settings.listener.known.get(stationId('CP-1'))?.site).toBe('7');
  });

  test('never becomes structure, and $${NAME} stands for itself', async () => {
    const text = `${backend}stations: { known: { CP-1: { site: \${EVIL} }, CP-2: { site: "a $\${EVIL} b" } } }\n`;
    const { settings } = await configurationOf(text, { EVIL: 'x }\nadmin: { listen: 0.0.0.0:1 }' });
    expect(settings.listener.known.get(stationId('CP-1'))?.site).toBe('x }\nadmin: { listen: 0.0.0.0:1 }');
    expect(settings.listener.known.get(stationId('CP-2'))?.site).toBe('a ${EVIL} b');
  });
});

describe('secret files', () => {
  const text = `${backend}stations: { auth: basic, known: { CP-1: { password: { file: CP-1 } } } }\n`;

  test('that others can read are refused', async () => {
    const problems = await withFolder({ 'busbar.yaml': text }, async (folder) => {
      await folder.write('CP-1', 'secret', 0o644);
      const refused = await folder.load();
      await folder.write('CP-1', 'secret', 0o640);
      const taken = await folder.load();
      return { refused: refused.ok ? [] : refused.fault, isTaken: taken.ok };
    });
    expect(problems).toEqual({
      refused: [
        'busbar.yaml:3: stations.known.CP-1.password.file: FOLDER/CP-1 can be read by every user of this machine; run chmod o-r FOLDER/CP-1',
      ],
      isTaken: true,
    });
  });

  test('of one station each are all looked at', async () => {
    const each =
      'backends:\n  old: { url: wss://old.example, credentials: { password: { file: "s/old-{station}.txt" } } }\n';
    const problems = await withFolder({ 'busbar.yaml': each }, async (folder) => {
      await folder.write('s/old-CP-1.txt', 'one', 0o644);
      await folder.write('s/old-CP-2.txt', '');
      await folder.write('s/old-CP 3.txt', 'not an identity', 0o644);
      await folder.write('s/README', 'not a secret', 0o644);
      const loaded = await folder.load();
      return loaded.ok ? [] : loaded.fault.toSorted();
    });
    expect(problems).toEqual([
      'busbar.yaml:2: backends.old.credentials.password.file: FOLDER/s/old-CP-1.txt can be read by every user of this machine; run chmod o-r FOLDER/s/old-CP-1.txt',
      'busbar.yaml:2: backends.old.credentials.password.file: FOLDER/s/old-CP-2.txt is empty; write the secret into it',
    ]);
  });

  test('are bytes', async () => {
    const bytes = await withFolder({ 'busbar.yaml': text }, async (folder) => {
      await folder.write('CP-1', new Uint8Array([0, 255, 10, 13, 10]));
      const loaded = await folder.load();
      return loaded.ok
        ? [...(loaded.value.settings.listener.known.get(stationId('CP-1'))?.password?.reveal() ?? [])]
        : loaded.fault;
    });
    expect(bytes).toEqual([0, 255, 10]);
  });
});

describe('certificates', () => {
  const text = `
stations:
  listen: 0.0.0.0:9220
  tls: { cert: [rsa.pem, ec.pem], key: [rsa.key, ec.key], clientCa: ca.pem }
  auth: certificate
  known: { CP-1: }
backends:
  old: { url: wss://old.example, tls: { ca: [ca.pem], cert: ec.pem, key: ec.key } }
`;
  const made = createAuthority('Busbar Test CA').then(async (authority) => ({
    ca: authority.cert,
    rsa: await authority.issue({ use: 'server', keyType: 'rsa', commonName: 'localhost' }),
    ec: await authority.issue({ use: 'server', keyType: 'ecdsa', commonName: 'localhost' }),
  }));

  test('are read in pairs, in their order', async () => {
    const { ca, rsa, ec } = await made;
    const files = {
      'ca.pem': ca,
      'rsa.pem': rsa.cert,
      'rsa.key': rsa.key,
      'ec.pem': ec.cert,
      'ec.key': ec.key,
    };
    const { settings, effective } = await configurationOf(text, {}, files);
    const { tls } = settings.listener;
    expect(tls?.pairs.map(({ cert }) => new X509Certificate(cert).publicKey.asymmetricKeyType)).toEqual([
      'rsa',
      'ec',
    ]);
    expect(tls?.pairs.map(({ key }) => textOf(key))).toEqual([rsa.key, ec.key]);
    expect(tls?.clientCa).toEqual([ca]);
    const towards = settings.backends.get('old')?.tls;
    expect(towards).toMatchObject({ ca: [ca], cert: ec.cert });
    expect(textOf(towards?.key)).toBe(ec.key);
    expect(effective()).not.toContain('rsa.key');
  });

  test('must be what OpenSSL takes', async () => {
    const { ca, ec } = await made;
    const authority = await createAuthority('Busbar Test CA');
    const weak = await authority.issue({
      use: 'server',
      keyType: 'rsa',
      rsaBits: 1_024,
      commonName: 'localhost',
    });
    const files = {
      'ca.pem': ca,
      'rsa.pem': weak.cert,
      'rsa.key': weak.key,
      'ec.pem': ec.cert,
      'ec.key': ec.key,
    };
    expect(await problemsOf(text, {}, files)).toEqual([
      'busbar.yaml:4: stations.tls.key[0]: OpenSSL takes neither FOLDER/rsa.key nor its certificate (ee key too small); make both anew, with RSA from 2048 bits or ECDSA from 256',
    ]);
  });

  test('must go with their keys, which must be secret and in the clear', async () => {
    const { ca, rsa, ec } = await made;
    const files = {
      'ca.pem': ca,
      'rsa.pem': rsa.cert,
      'rsa.key': ec.key,
      'ec.pem': ec.cert,
      'ec.key': ec.cert,
    };
    expect(await problemsOf(text, {}, files)).toEqual([
      'busbar.yaml:4: stations.tls.key[0]: FOLDER/rsa.key is not the key of its certificate; list keys in the order of their certificates',
      'busbar.yaml:4: stations.tls.key[1]: FOLDER/ec.key holds no private key that can be read; name a PEM file with a key that has no passphrase',
      'busbar.yaml:8: backends.old.tls.key: FOLDER/ec.key holds no private key that can be read; name a PEM file with a key that has no passphrase',
    ]);
  });
});

async function revisionOf(old: string, files: Record<string, string> = {}): Promise<string | undefined> {
  const { settings } = await configurationOf(`backends:\n  old: { ${old} }\n`, {}, files);
  return settings.routing.backends.get('old')?.revision;
}

describe('the revision of a backend', () => {
  const url = 'url: wss://old.example';
  const password = 'credentials: { password: { file: p } }';

  test('stays when nothing of its links changes', async () => {
    const first = await revisionOf(url);
    expect(await revisionOf(url)).toBe(first);
    expect(await revisionOf(`${url}, callTimeout: 5s, connectRate: 1/s, redial: { from: 5s }`)).toBe(first);
    const withPassword = await revisionOf(`${url}, ${password}`, { p: 'a' });
    expect(await revisionOf(`${url}, ${password}`, { p: 'a\n' })).toBe(withPassword);
  });

  test('changes with address, identity, headers, TLS, the way to authenticate and the password', async () => {
    const { cert } = await createAuthority('Busbar Test CA');
    const revisions = await Promise.all([
      revisionOf(url),
      revisionOf('url: wss://new.example'),
      revisionOf(`${url}, identity: X-{station}`),
      revisionOf(`${url}, headers: { X-A: b }`),
      revisionOf(`${url}, headers: { X-A: c }`),
      revisionOf(`${url}, tls: { ca: ca.pem }`, { 'ca.pem': cert }),
      revisionOf(`${url}, credentials: { forward: true }`),
      revisionOf(`${url}, ${password}`, { p: 'a' }),
      revisionOf(`${url}, ${password}`, { p: 'b' }),
      revisionOf(`${url}, credentials: { password: { file: "p-{station}" } }`, { 'p-CP-1': 'a' }),
    ]);
    expect(new Set(revisions).size).toBe(revisions.length);
  });

  test('stays when one station of many gets a new password', async () => {
    const each = `${url}, credentials: { password: { file: "p-{station}" } }`;
    expect(await revisionOf(each, { 'p-CP-1': 'a' })).toBe(
      await revisionOf(each, { 'p-CP-1': 'b', 'p-CP-2': 'c' }),
    );
  });
});

describe('without a file', () => {
  test('the first backend has every station, on loopback', async () => {
    const backends = [
      { name: 'old', url: 'ws://host:9301/ocpp/{station}' },
      { name: 'new', url: 'ws://host:9302' },
    ];
    const loaded = await configurationForBackends(backends, null, '/srv');
    if (!loaded.ok) throw new Error(loaded.fault.map(formatProblem).join('\n'));
    const { settings } = loaded.value;
    expect(settings.listener).toMatchObject({ host: '127.0.0.1', port: 9220, auth: 'none' });
    expect(settings.storage.file).toBe('/srv/data/busbar.db');
    expect([...settings.backends.values()].map(({ url }) => url)).toEqual([
      'ws://host:9301/ocpp/{station}',
      'ws://host:9302/{station}',
    ]);
    expect(settings.routing.routes.map(({ assignment }) => assignment.primary)).toEqual(['old']);
  });

  test('what is wrong is said without a line', async () => {
    const backends = [
      { name: 'old', url: 'http://host' },
      { name: 'old', url: 'ws://host' },
      { name: '__proto__', url: 'ws://${HOST}' },
    ];
    const loaded = await configurationForBackends(backends, '0.0.0.0:9220', '/srv');
    expect(loaded.ok ? [] : loaded.fault.map(formatProblem)).toEqual([
      'command line: backends.old: is given twice; keep one',
      'command line: stations.auth: 0.0.0.0:9220 can be reached from other machines, and who may pass for a station cannot be said here; write a file with stations.auth, and name it with --config',
      'command line: backends.__proto__: the name of a backend has 1 to 63 letters, digits and . _ -, since it stands in metrics and addresses; choose another',
      'command line: backends.__proto__.url: only {station} is replaced in an address; remove other braces',
    ]);
  });
});

test('a file that cannot be read is said so', async () => {
  const missing = await withFolder({}, (folder) => folder.load());
  expect(missing).toEqual({
    ok: false,
    fault: ['busbar.yaml: FOLDER/busbar.yaml does not exist; create it, or mend the path'].map((line) =>
      line.replace('FOLDER/busbar.yaml does', 'busbar.yaml does'),
    ),
  });
  const binary = await withFolder({}, async (folder) => {
    await folder.write('busbar.yaml', new Uint8Array([0xff, 0xfe, 0x00]));
    return folder.load();
  });
  expect(binary).toEqual({ ok: false, fault: ['busbar.yaml: is not UTF-8 text; save it as UTF-8'] });
});

test('a fleet whose stations all have the same mistake is told of it about as fast as a sound one is read', async () => {
  const sound = await readingOf('tags');
  const mistaken = await readingOf('tagz');
  expect([sound.problems, mistaken.problems]).toEqual([0, 12_000]);
  // A reload reads it while stations are connected: with the square of their number it takes minutes.
  expect(mistaken.tookMs).toBeLessThan(5 * sound.tookMs);
}, 120_000);

/** Reads a fleet of which each station has this key. */
async function readingOf(key: string): Promise<{ tookMs: number; problems: number }> {
  const stations = Array.from({ length: 12_000 }, (_, at) => `CP-${at}: { ${key}: [pilot] }\n`).join('');
  const files = {
    'busbar.yaml': `stations: { knownFrom: stations.yaml }\n${backend}`,
    'stations.yaml': stations,
  };
  return withFolder(files, async (folder) => {
    const startedMs = performance.now();
    const loaded = await folder.load();
    return { tookMs: performance.now() - startedMs, problems: loaded.ok ? 0 : loaded.fault.length };
  });
}

test('a fleet of 4,000 known stations with password files is read within seconds', async () => {
  const entries = Array.from(
    { length: 4_000 },
    (_, at) => `    CP-${at}: { password: { file: "${at % 100}" }, tags: [pilot] }`,
  );
  const files = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [String(at), `secret ${at}`]));
  const startedMs = performance.now();
  const text = `${backend}stations:\n  auth: basic\n  known:\n${entries.join('\n')}\n`;
  const { settings } = await configurationOf(text, {}, files);
  expect(settings.listener.known.size).toBe(4_000);
  expect(performance.now() - startedMs).toBeLessThan(20_000);
});

test('a fleet’s worth of stations is read in slices, so that links are answered meanwhile', async () => {
  const text = Array.from(
    { length: 2_000 },
    (_, at) => `CP-${at}: { tags: [pilot], site: berlin, identities: { new: DE-${at} } }\n`,
  ).join('');
  let turns = 0;
  let isRead = false;
  const turn = (): void => {
    turns += 1;
    if (!isRead) setImmediate(turn);
  };
  turn();
  const source = await readYaml('stations.yaml', text, {}, new ProblemList());
  isRead = true;
  expect(Object.keys(source.value as object)).toHaveLength(2_000);
  expect(turns).toBeGreaterThan(5);
});
