/**
 * Forgets the tokens heard of longest ago once there are more rows than are known at once, a few milliseconds at a time.
 *
 * A row is of a token that was heard of once, and anybody at a station may present new ones for ever. The rows lie by digest, which says nothing of their age, and an index by age would cost more than it is
 * worth: so they are walked, first to count them and to take a sample of their ages, then, where there are too many, to delete what is older than the sample says.
 */
import type { DatabaseSync } from 'node:sqlite';
import { learnedTokensMax } from '../../core/cover/learned-tokens.ts';

export interface TokenSweeper {
  /** A row was written. */
  learned(): void;
  /** Walks on until then, inside the transaction that is open; true when it has not come to an end. */
  sweep(endMs: number): boolean;
}

/** How many more there may be before they are counted again: this part of what is kept. */
const slackShare = 0.05;
/** Of a full table: one row in so many, as they lie. */
const sampleRows = 1_000;
const chunkRows = 128;

type Walk =
  | { readonly what: 'none' }
  | { readonly what: 'count'; rows: number; readonly ages: number[] }
  | { readonly what: 'forget'; readonly upTo: number; tooMany: number };

/** `max`: rows that stay. */
export function createTokenSweeper(database: DatabaseSync, max = learnedTokensMax): TokenSweeper {
  // A row that says that a backend cleared its tokens stays: those of before would count again. A damaged one stays to be looked at.
  const chunk = database.prepare(`
    SELECT token, CASE WHEN json_valid(learned) AND learned ->> '$.status' <> 'Cleared' THEN CAST(learned ->> '$.learnedAt' AS REAL) END AS at
    FROM token WHERE token > ? ORDER BY token LIMIT ${chunkRows}
  `);
  const remove = database.prepare('DELETE FROM token WHERE token = ?');
  const sampleEvery = Math.ceil(max / sampleRows);
  let walk: Walk = { what: 'count', rows: 0, ages: [] };
  let after = '';
  let learnedSince = 0;

  function take(token: string, at: number): void {
    if (walk.what === 'count') {
      if (walk.rows % sampleEvery === 0) walk.ages.push(at);
      walk.rows += 1;
    } else if (walk.what === 'forget' && at <= walk.upTo && walk.tooMany > 0) {
      remove.run(token);
      walk.tooMany -= 1;
    }
  }

  /** The next walk begins; false: there is none. */
  function turn(): boolean {
    after = '';
    if (walk.what === 'count' && walk.rows > max) {
      const ages = walk.ages.toSorted((one, other) => one - other);
      const tooMany = walk.rows - max;
      const upTo = ages[Math.floor((tooMany / walk.rows) * (ages.length - 1))] ?? 0;
      walk = { what: 'forget', upTo, tooMany };
      return true;
    }
    walk = { what: 'none' };
    return false;
  }

  return {
    learned() {
      learnedSince += 1;
    },
    sweep(endMs) {
      if (walk.what === 'none') {
        if (learnedSince < max * slackShare) return false;
        learnedSince = 0;
        walk = { what: 'count', rows: 0, ages: [] };
      }
      while (performance.now() < endMs) {
        const rows = chunk.all(after);
        for (const { token, at } of rows) if (at !== null) take(String(token), Number(at));
        after = String(rows.at(-1)?.['token'] ?? '');
        if (rows.length === chunkRows) continue;
        if (!turn()) return false;
      }
      return true;
    },
  };
}
