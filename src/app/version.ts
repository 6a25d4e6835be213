/** Busbar's own version, from the package it runs from. */
import { readFileSync } from 'node:fs';

interface Package {
  readonly version: string;
}

export const busbarVersion = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as Package
).version;
