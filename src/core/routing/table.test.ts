import { describe, expect, test } from 'vitest';
import type { StationId } from '../../protocol/station-id.ts';
import {
  assign,
  isMember,
  plainAssignment,
  type Group,
  type Route,
  type RoutingTable,
  type StationFacts,
} from './table.ts';

const facts = (changes: Partial<StationFacts> = {}): StationFacts => ({
  id: 'DE-BER-1' as StationId,
  tags: [],
  vendor: null,
  model: null,
  firmware: null,
  ...changes,
});

const group = (changes: Partial<Group>): Group => ({
  name: 'berlin',
  stations: null,
  vendor: null,
  model: null,
  firmware: null,
  tags: null,
  ...changes,
});

const route = (index: number, match: { stations?: string[]; group?: string }, primary: string): Route => ({
  stations: match.stations ?? null,
  group: match.group ?? null,
  assignment: { ...plainAssignment(index, primary), group: match.group ?? null },
});

const table = (routes: readonly Route[], ...groups: readonly Group[]): RoutingTable => ({
  groups: new Map(groups.map((one) => [one.name, one])),
  routes,
  backends: new Map(),
});

describe('assign', () => {
  test('takes the first route that matches', () => {
    const routes = [
      route(0, { stations: ['AT*'] }, 'at'),
      route(1, { stations: ['X', 'DE*'] }, 'de'),
      route(2, { stations: ['*'] }, 'rest'),
    ];
    expect(assign(table(routes), facts())?.primary).toBe('de');
    expect(assign(table(routes), facts({ id: 'CH-1' as StationId }))?.primary).toBe('rest');
  });

  test('gives nothing when no route matches', () => {
    expect(assign(table([route(0, { stations: ['AT*'] }, 'at')]), facts())).toBeNull();
  });

  test('passes over a group until what it asks for is known', () => {
    const routes = [route(0, { group: 'berlin' }, 'new'), route(1, { stations: ['*'] }, 'old')];
    const routing = table(routes, group({ vendor: 'ABB' }));
    expect(assign(routing, facts())?.primary).toBe('old');
    expect(assign(routing, facts({ vendor: 'ABB' }))).toBe(routes[0]?.assignment);
  });
});

describe('isMember', () => {
  const whole = group({
    stations: ['AT*', 'DE*'],
    vendor: 'ABB*',
    model: 'Terra*',
    firmware: { compare: '>=', version: '1.8' },
    tags: ['pilot', 'fast'],
  });
  const member = facts({ vendor: 'ABB', model: 'Terra 54', firmware: '1.10', tags: ['fast', 'x', 'pilot'] });

  test('wants every condition that is given', () => {
    expect(isMember(whole, member)).toBe(true);
    const others: Partial<StationFacts>[] = [
      { id: 'CH-1' as StationId },
      { vendor: 'abb' },
      { vendor: null },
      { model: 'Other' },
      { model: null },
      { firmware: '1.7' },
      { firmware: null },
      { tags: ['pilot'] },
    ];
    for (const other of others)
      expect(isMember(whole, { ...member, ...other }), JSON.stringify(other)).toBe(false);
  });

  test('asks for nothing that is not given', () => {
    expect(isMember(group({ tags: [] }), facts())).toBe(true);
    expect(isMember(group({ stations: [] }), facts())).toBe(false);
  });
});
