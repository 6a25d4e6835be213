/**
 * Which stations the index of the page being written has already, so that each is written once a page.
 *
 * Pure. Kept by the main thread, whose identities are the same objects every time: the writer's thread would have to cut each out of a text and hash it anew. What a
 * failed commit told the writer is not on disk, so after one everything is told again; telling twice is harmless.
 */
import type { JournalBatch } from '../../ports/journal-store.ts';
import type { StationId } from '../../protocol/station-id.ts';
import { pageOf } from './database.ts';

export class PageStations {
  #page = -1;
  readonly #known = new Set<StationId>();

  /** The batch's stations that are new on its page; from now on they count as told. */
  tell({ first, stations }: Pick<JournalBatch, 'first' | 'stations'>): StationId[] {
    const page = pageOf(first);
    if (page !== this.#page) this.forget();
    this.#page = page;
    const fresh: StationId[] = [];
    for (const station of stations) {
      if (this.#known.has(station)) continue;
      this.#known.add(station);
      fresh.push(station);
    }
    return fresh;
  }

  /** What was told may not be on disk. */
  forget(): void {
    this.#known.clear();
  }
}
