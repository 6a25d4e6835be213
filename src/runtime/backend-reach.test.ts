import { expect, test } from 'vitest';
import { BackendReach } from './backend-reach.ts';

function reachWith(): { reach: BackendReach; told: string[] } {
  const told: string[] = [];
  return {
    reach: new BackendReach((backend, lastError) => told.push(`${backend} ${lastError ?? 'up'}`)),
    told,
  };
}

test('a backend is down after five dials in a row have failed, and up with the first that opens', () => {
  const { reach, told } = reachWith();
  for (let dial = 0; dial < 4; dial += 1) reach.failed('old', 'CP-1', dial, 'refused');
  expect(reach.isDown('old', 4)).toBe(false);
  reach.failed('old', 'CP-1', 4, 'refused');
  reach.failed('old', 'CP-1', 5, 'refused');
  expect(reach.isDown('old', 6)).toBe(true);
  expect(reach.isDown('new', 6)).toBe(false);
  reach.opened('old');
  expect(reach.isDown('old', 7)).toBe(false);
  expect(told).toEqual(['old refused', 'old up']);
});

test('one dial that opens between them, or a long time, starts the count anew', () => {
  const { reach, told } = reachWith();
  for (let dial = 0; dial < 4; dial += 1) reach.failed('old', 'CP-1', dial, 'refused');
  reach.opened('old');
  reach.closed('old');
  for (let dial = 0; dial < 4; dial += 1) reach.failed('old', 'CP-1', dial, 'refused');
  reach.failed('old', 'CP-1', 100_000, 'refused');
  expect(reach.isDown('old', 100_001)).toBe(false);
  expect(told).toEqual([]);
});

test('what was found out long ago makes nobody be answered in its place', () => {
  const { reach } = reachWith();
  for (let dial = 0; dial < 5; dial += 1) reach.failed('old', 'CP-1', dial, 'refused');
  expect(reach.isDown('old', 59_000)).toBe(true);
  expect(reach.isDown('old', 61_000)).toBe(false);
});

test('one station that is refused again and again makes nobody be answered in the place of a backend that others are connected to', () => {
  const { reach, told } = reachWith();
  reach.opened('old');
  for (let dial = 0; dial < 20; dial += 1) reach.failed('old', 'CP-1', dial, 'refused');
  expect(reach.isDown('old', 20)).toBe(false);
  for (const station of ['CP-2', 'CP-3', 'CP-4', 'CP-5']) reach.failed('old', station, 20, 'refused');
  expect(reach.isDown('old', 21)).toBe(true);
  expect(told).toEqual(['old refused']);
});

test('where nobody has a link, one station is enough', () => {
  const { reach } = reachWith();
  reach.opened('old');
  for (let dial = 0; dial < 5; dial += 1) reach.failed('old', 'CP-1', dial, 'refused');
  reach.closed('old');
  expect(reach.isDown('old', 5)).toBe(false);
  reach.failed('old', 'CP-1', 5, 'refused');
  expect(reach.isDown('old', 6)).toBe(true);
});
