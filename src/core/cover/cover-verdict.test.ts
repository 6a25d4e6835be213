import { expect, test } from 'vitest';
import { ocppVersions, type OcppVersion } from '../../protocol/version.ts';
import type { LearnedToken } from '../hold/held-message.ts';
import { verdictOn, type AuthorizePolicy, type VerdictFacts } from './cover-verdict.ts';

const wallMs = Date.parse('2026-11-24T12:00:00Z');
const soon = '2026-11-24T12:05:00.000Z';
const inAnHour = '2026-11-24T13:00:00.000Z';

function said(status: string, other: Partial<LearnedToken> = {}): LearnedToken {
  return { status, group: null, expiresAt: null, learnedAt: wallMs - 1_000, ...other };
}

const known = said('Accepted');
const expired = said('Accepted', { expiresAt: wallMs });
const blocked = said('Blocked');

function verdict(
  version: OcppVersion,
  policy: AuthorizePolicy,
  learned: LearnedToken | null,
  other: Partial<VerdictFacts> & { readonly token?: string | null; readonly mayBeInUse?: boolean } = {},
): Record<string, unknown> {
  const { token = 'a', mayBeInUse = false, ...facts } = other;
  const all = { version, wallMs, policy, learned: () => learned, isTokenInUse: () => false, ...facts };
  return JSON.parse(verdictOn({ text: token }, all, mayBeInUse)) as Record<string, unknown>;
}

/** Per token: how each policy answers in 1.6, and in 2.x. */
const cases: readonly (readonly [
  name: string,
  learned: LearnedToken | null,
  isInUse: boolean,
  v16: Readonly<Record<AuthorizePolicy, string>>,
  v2: Readonly<Record<AuthorizePolicy, string>>,
])[] = [
  ['known', known, false, by('Invalid', 'Accepted', 'Accepted'), by('Invalid', 'Accepted', 'Accepted')],
  ['unknown', null, false, by('Invalid', 'Invalid', 'Accepted'), by('Invalid', 'Unknown', 'Accepted')],
  ['expired', expired, false, by('Invalid', 'Expired', 'Accepted'), by('Invalid', 'Expired', 'Accepted')],
  ['blocked', blocked, false, by('Invalid', 'Blocked', 'Accepted'), by('Invalid', 'Blocked', 'Accepted')],
  [
    'no credit',
    said('NoCredit'),
    false,
    by('Invalid', 'Invalid', 'Accepted'),
    by('Invalid', 'NoCredit', 'Accepted'),
  ],
  [
    'was in use',
    said('ConcurrentTx'),
    false,
    by('Invalid', 'Invalid', 'Accepted'),
    by('Invalid', 'Unknown', 'Accepted'),
  ],
  [
    'in no schema',
    said('accepted'),
    false,
    by('Invalid', 'Invalid', 'Accepted'),
    by('Invalid', 'Unknown', 'Accepted'),
  ],
  [
    'known, in use',
    known,
    true,
    by('Invalid', 'ConcurrentTx', 'ConcurrentTx'),
    by('Invalid', 'ConcurrentTx', 'ConcurrentTx'),
  ],
  [
    'unknown, in use',
    null,
    true,
    by('Invalid', 'Invalid', 'ConcurrentTx'),
    by('Invalid', 'Unknown', 'ConcurrentTx'),
  ],
  [
    'blocked, in use',
    blocked,
    true,
    by('Invalid', 'Blocked', 'ConcurrentTx'),
    by('Invalid', 'Blocked', 'ConcurrentTx'),
  ],
];

function by(deny: string, whenKnown: string, all: string): Readonly<Record<AuthorizePolicy, string>> {
  return { deny, known: whenKnown, all };
}

test('each policy says of each token what the table says', () => {
  for (const [name, learned, isInUse, v16, v2] of cases)
    for (const version of ocppVersions)
      for (const policy of ['deny', 'known', 'all'] as const) {
        const info = verdict(version, policy, learned, { isTokenInUse: () => isInUse });
        const status = (version === 'ocpp1.6' ? v16 : v2)[policy];
        const expiry = version === 'ocpp1.6' ? 'expiryDate' : 'cacheExpiryDateTime';
        expect(info, `${name} ${version} ${policy}`).toEqual({
          status,
          [expiry]: status === 'Accepted' ? inAnHour : soon,
        });
      }
});

test('an acceptance never outlasts the backend’s own', () => {
  const until = said('Accepted', { expiresAt: wallMs + 1 });
  expect(verdict('ocpp1.6', 'known', until)['expiryDate']).toBe('2026-11-24T12:00:00.001Z');
  const late = said('Accepted', { expiresAt: wallMs + 86_400_000 });
  expect(verdict('ocpp1.6', 'known', late)['expiryDate']).toBe(inAnHour);
  expect(verdict('ocpp1.6', 'all', expired)['expiryDate']).toBe(inAnHour);
});

test('the group goes with an acceptance by its backend, and with nothing else', () => {
  const group = '{"idToken":"Fleet","type":"Central"}';
  const info = (policy: AuthorizePolicy, learned: LearnedToken) =>
    verdict('ocpp2.0.1', policy, { ...learned, group })['groupIdToken'];
  expect(info('known', known)).toEqual({ idToken: 'Fleet', type: 'Central' });
  expect(info('all', known)).toEqual({ idToken: 'Fleet', type: 'Central' });
  expect(info('all', blocked)).toBeUndefined();
  expect(info('all', expired)).toBeUndefined();
  expect(info('known', blocked)).toBeUndefined();
  expect(verdict('ocpp1.6', 'known', said('Accepted', { group: '"Fleet"' }))['parentIdTag']).toBe('Fleet');
  expect(verdict('ocpp1.6', 'known', { ...known, group })).not.toHaveProperty('parentIdTag');
  expect(verdict('ocpp2.1', 'known', { ...known, group: '"Fleet"' })).not.toHaveProperty('groupIdToken');
});

test('a token that cannot be read opens nothing, under any policy', () => {
  for (const policy of ['deny', 'known', 'all'] as const)
    expect(verdict('ocpp2.1', policy, known, { token: null })['status']).toBe('Invalid');
});

test('a start button may start more than one transaction, and whoever ends one may have another', () => {
  const inUse = { isTokenInUse: () => true };
  const button = { ...inUse, token: 'noauthorization:' };
  expect(verdict('ocpp2.0.1', 'known', known, button)['status']).toBe('Accepted');
  expect(verdict('ocpp2.0.1', 'known', known, { ...inUse, mayBeInUse: true })['status']).toBe('Accepted');
});
