/**
 * Looks up backends' names: those who ask for the same name while it is looked up share the answer.
 *
 * Not pure: keeps who waits. The system looks up two names at a time, and one whose server does not answer takes it many seconds, also when nobody waits for it any more. With a lookup for each dial
 * the dials of one backend would stand in front of those of all others, in a line without end.
 */
import dns, { type LookupAddress, type LookupOptions } from 'node:dns';
import type { LookupFunction } from 'node:net';

type Found = Parameters<LookupFunction>[2];

const waiting = new Map<string, Found[]>();

export const lookupShared: LookupFunction = (name, options, found) => {
  const key = `${name} ${options.family} ${options.hints} ${options.all}`;
  const others = waiting.get(key);
  if (others !== undefined) {
    others.push(found);
    return;
  }
  const all = [found];
  waiting.set(key, all);
  look(name, options, (error, address, family) => {
    waiting.delete(key);
    for (const each of all) each(error, address, family);
  });
};

type Look = (
  name: string,
  options: LookupOptions,
  found: (error: NodeJS.ErrnoException | null, address: string | LookupAddress[], family?: number) => void,
) => void;

const look: Look = (name, options, found) => dns.lookup(name, options, found);
