import { expect, test } from 'vitest';
import type { StationId } from '../../protocol/station-id.ts';
import { pagePositions } from './database.ts';
import { PageStations } from './page-stations.ts';

const batch = (first: number, ...names: string[]) => ({ first, stations: new Set(names as StationId[]) });

test('a station is told once a page, and again on the next', () => {
  const pages = new PageStations();
  expect(pages.tell(batch(1, 'a', 'b'))).toEqual(['a', 'b']);
  expect(pages.tell(batch(5, 'b', 'c'))).toEqual(['c']);
  expect(pages.tell(batch(9, 'a', 'c'))).toEqual([]);
  expect(pages.tell(batch(pagePositions, 'a'))).toEqual(['a']);
});

test('after a failed commit everything is told again', () => {
  const pages = new PageStations();
  pages.tell(batch(1, 'a', 'b'));
  pages.forget();
  expect(pages.tell(batch(1, 'a', 'b', 'c'))).toEqual(['a', 'b', 'c']);
});
