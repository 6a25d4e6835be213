/**
 * The id under which a call that may come again leaves for a backend.
 *
 * Pure. Mostly its key: one that is sent again because nobody knows what became of it is the same bytes. One that the backend has refused is another matter: its outcome is known, and a backend
 * that takes an id once only (SteVe since 2026; OCPP-J asks for unique ids) would refuse it for its id for ever. So it leaves under its next id, and keeps that one until it is refused again.
 */
import { forgetOldest } from '../../std/forget-oldest.ts';
import type { BackendLink } from './state.ts';

/** Refused calls that are remembered of one backend, while the process lives: a station repeats its last ones. What is held has its count on disk. */
const refusedMax = 64;

/** With a count behind it no id is longer than OCPP allows. */
const keyCharactersMax = 33;

/** `refusals`: how often the backend has refused it. */
export function callId(key: string, refusals: number): string {
  return refusals === 0 ? key : `${key.slice(0, keyCharactersMax)}.${refusals.toString(36)}`;
}

/** What all ids of one call have in common. */
export function callOf(id: string): string {
  return id.slice(0, keyCharactersMax);
}

/** The id under which a call of the station's is relayed that has this key. */
export function relayId(backend: Pick<BackendLink, 'refused'>, key: string): string {
  return callId(key, refusedTimes(backend, key));
}

/** How often the backend has refused what was relayed under this key. */
export function refusedTimes({ refused }: Pick<BackendLink, 'refused'>, key: string): number {
  return refused?.get(key) ?? 0;
}

/** The backend has answered the call with an error, and it may come again. */
export function noteRefused(backend: BackendLink, key: string): void {
  backend.refused ??= new Map();
  const times = refusedTimes(backend, key);
  backend.refused.delete(key);
  backend.refused.set(key, times + 1);
  if (backend.refused.size > refusedMax) forgetOldest(backend.refused);
}
