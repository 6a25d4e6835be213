/**
 * Whether a backend can be reached at all, by what all stations find out about it.
 *
 * Not pure: keeps the state of each backend. One station's link may fail for reasons of its own; when one dial after the other fails, whoever, nobody need wait for the
 * next one where Busbar may answer instead. Every dial that is made anyway is the probe that finds out when it is over.
 */

/** Dials in a row that must have failed, over all stations. */
const failuresMin = 5;
/** What was found out longer ago than this says nothing. */
const freshMs = 60_000;

interface Reach {
  failures: number;
  failedAtMs: number;
  isDown: boolean;
}

export class BackendReach {
  readonly #told: (backend: string, isUp: boolean) => void;
  readonly #backends = new Map<string, Reach>();

  /** `told` hears when a backend goes down, and when it is up again. */
  constructor(told: (backend: string, isUp: boolean) => void) {
    this.#told = told;
  }

  opened(backend: string): void {
    const reach = this.#backends.get(backend);
    if (reach === undefined) return;
    this.#backends.delete(backend);
    if (reach.isDown) this.#told(backend, true);
  }

  failed(backend: string, nowMs: number): void {
    const reach = this.#backends.get(backend) ?? { failures: 0, failedAtMs: nowMs, isDown: false };
    this.#backends.set(backend, reach);
    if (nowMs - reach.failedAtMs >= freshMs) reach.failures = 0;
    reach.failures += 1;
    reach.failedAtMs = nowMs;
    if (reach.isDown || reach.failures < failuresMin) return;
    reach.isDown = true;
    this.#told(backend, false);
  }

  /** True while it was lately found not to be there. */
  isDown(backend: string, nowMs: number): boolean {
    const reach = this.#backends.get(backend);
    return reach?.isDown === true && nowMs - reach.failedAtMs < freshMs;
  }
}
