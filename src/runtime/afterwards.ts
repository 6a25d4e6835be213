/**
 * What is done after a turn of the event loop, once everything that it sent has left: telling those who listen in.
 *
 * Not pure: owns the queue of the drivers whose stations owe copies. It is short: where a turn has read more, a gateway has too much to do to take a second step for each, and
 * copies are made with their call.
 */
/** Whose station owes copies. */
export interface Owing {
  payCopies(): void;
}

/** Runs something once the turn is over. */
export type AfterTurn = (run: () => void) => void;

/** So many stations owe copies at once. */
const owingMax = 8;

export class Afterwards {
  readonly #afterTurn: AfterTurn;
  #owing: Owing[] = [];

  constructor(afterTurn: AfterTurn) {
    this.#afterTurn = afterTurn;
  }

  get hasRoom(): boolean {
    return this.#owing.length < owingMax;
  }

  /** That station owes copies. */
  add(driver: Owing): void {
    if (this.#owing.push(driver) === 1) this.#afterTurn(this.#pay);
  }

  readonly #pay = (): void => {
    const owing = this.#owing;
    this.#owing = [];
    for (const driver of owing) driver.payCopies();
  };
}
