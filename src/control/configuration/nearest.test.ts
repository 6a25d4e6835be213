import { expect, test } from 'vitest';
import { nearestName } from './nearest.ts';

test('a slip of the pen finds its word', () => {
  const names = ['storage', 'stations', 'stationSettings', 'retention'];
  expect(nearestName('storge', names)).toBe('storage');
  expect(nearestName('staitons', names)).toBe('stations');
  expect(nearestName('stationsettings', names)).toBe('stationSettings');
  expect(nearestName('retentionn', names)).toBe('retention');
});

test('what is like nothing finds nothing', () => {
  expect(nearestName('zzzzzz', ['storage', 'stations'])).toBeNull();
  expect(nearestName('ab', ['xy'])).toBeNull();
  expect(nearestName('', ['a'])).toBeNull();
  expect(nearestName('old', [])).toBeNull();
});
