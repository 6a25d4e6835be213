/**
 * What happened in a world, for people: the last lines of it when a seed fails, all of it when one is replayed.
 *
 * Pure. Lines are put together only when they are read.
 */
import type { LinkEnd } from './link-pair.ts';

interface Line {
  readonly atMs: number;
  readonly who: string | LinkEnd;
  readonly what: string;
  readonly text: string;
}

export interface Trace {
  /** An end is named by `nameOfEnd` when the line is read. */
  note(who: string | LinkEnd, what: string, text: string): void;
  /** The newest lines, oldest first. */
  lines(): string[];
}

/** Keeps that many lines; none: 0. */
export function createTrace(now: () => number, linesMax: number): Trace {
  let lines: Line[] = [];
  return {
    note(who, what, text) {
      if (linesMax === 0) return;
      lines.push({ atMs: now(), who, what, text });
      if (lines.length > 2 * linesMax) lines = lines.slice(-linesMax);
    },
    lines: () => lines.slice(-linesMax).map(format),
  };
}

/** An end as a trace names it: `CP-1#3 gateway`, `CP-1>old#4 peer`. */
function nameOfEnd(end: LinkEnd): string {
  const { station, with: backend, number } = end.pair.label;
  const link = backend === '' ? station : `${station}>${backend}`;
  return `${link}#${number} ${end.isGateway ? 'gateway' : 'peer'}`;
}

const textMax = 200;

function format({ atMs, who, what, text }: Line): string {
  const cut = text.length > textMax ? `${text.slice(0, textMax)}… (${text.length})` : text;
  return `${(atMs / 1_000).toFixed(3).padStart(10)}  ${(typeof who === 'string' ? who : nameOfEnd(who)).padEnd(18)} ${what.padEnd(9)} ${cut}`;
}
