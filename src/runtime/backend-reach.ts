/**
 * Whether a backend can be reached at all, by what all stations find out about it.
 *
 * Not pure: keeps the state of each backend. One station's link may fail for reasons of its own; when one dial after the other fails, whoever, nobody need wait for the
 * next one where Busbar may answer instead. Every dial that is made anyway is the probe that finds out when it is over.
 */

/** Dials in a row that must have failed; where anybody has a link, of as many stations: one whose credential is wrong dials again and again. */
const failuresMin = 5;
/** What was found out longer ago than this says nothing. */
const freshMs = 60_000;

interface Reach {
  /** Open ones, of all stations. */
  links: number;
  failures: number;
  /** Whose dials these were: as many as matter. */
  readonly stations: Set<string>;
  failedAtMs: number;
  isDown: boolean;
}

export class BackendReach {
  readonly #told: (backend: string, lastError: string | null) => void;
  readonly #backends = new Map<string, Reach>();

  /** `told` hears when a backend goes down, with what the last dial ended in, and with null when it is up again. */
  constructor(told: (backend: string, lastError: string | null) => void) {
    this.#told = told;
  }

  opened(backend: string): void {
    const reach = this.#reachOf(backend);
    const wasDown = reach.isDown;
    reach.links += 1;
    reach.failures = 0;
    reach.stations.clear();
    reach.isDown = false;
    if (wasDown) this.#told(backend, null);
  }

  /** A link that was open is gone. */
  closed(backend: string): void {
    this.#reachOf(backend).links -= 1;
  }

  failed(backend: string, station: string, nowMs: number, error: string): void {
    const reach = this.#reachOf(backend);
    if (nowMs - reach.failedAtMs >= freshMs) {
      reach.failures = 0;
      reach.stations.clear();
    }
    reach.failures += 1;
    if (reach.stations.size < failuresMin) reach.stations.add(station);
    reach.failedAtMs = nowMs;
    if (reach.isDown || reach.failures < failuresMin) return;
    if (reach.links > 0 && reach.stations.size < failuresMin) return;
    reach.isDown = true;
    this.#told(backend, error);
  }

  /** True while it was lately found not to be there. */
  isDown(backend: string, nowMs: number): boolean {
    const reach = this.#backends.get(backend);
    return reach?.isDown === true && nowMs - reach.failedAtMs < freshMs;
  }

  #reachOf(backend: string): Reach {
    const known = this.#backends.get(backend);
    if (known !== undefined) return known;
    const made = { links: 0, failures: 0, stations: new Set<string>(), failedAtMs: 0, isDown: false };
    this.#backends.set(backend, made);
    return made;
  }
}
