import { expect, test } from 'vitest';
import type { StationId } from '../../protocol/station-id.ts';
import { backendIdentity, backendUrl, shownUrl } from './backend-address.ts';

const station = 'CP-1' as StationId;

test('a backend knows a station by its entry, else by its template', () => {
  const known = { identities: new Map([['new', 'DE-7']]) };
  expect(backendIdentity({ name: 'new', identity: 'X-{station}' }, known, station)).toBe('DE-7');
  expect(backendIdentity({ name: 'old', identity: 'X-{station}' }, known, station)).toBe('X-CP-1');
  expect(backendIdentity({ name: 'old', identity: '{station}' }, null, station)).toBe('CP-1');
});

test('the name stands percent-encoded in the URL, wherever it is asked for, and adds nothing of its own', () => {
  expect(backendUrl('ws://host/{station}?id={station}', 'a/b?c#d:$&')).toBe(
    'ws://host/a%2Fb%3Fc%23d%3A%24%26?id=a%2Fb%3Fc%23d%3A%24%26',
  );
});

test.each([
  ['wss://host/ocpp/{station}', 'wss://host/ocpp/{station}'],
  ['wss://host/{station}?token=s3cret', 'wss://host/{station}?token=***'],
  ['wss://host/ocpp?id={station}&key=a=b&x=&s3cret', 'wss://host/ocpp?id={station}&key=***&x=&***'],
  ['wss://host/{station}?k=a?b={station}', 'wss://host/{station}?k=***'],
])('what a query holds is shown to nobody: %s', (template, shown) => {
  expect(shownUrl(template)).toBe(shown);
});
