/**
 * The links of a listener or a dialer, and what they share: bounds, and one timer that looks for messages which never get whole.
 *
 * Not pure: owns the timer. A fleet has two links a station, so none of them has a timer or a closure of its own.
 */
import type { Socket } from 'node:net';
import type { LinkHandler } from '../../ports/link.ts';
import type { ReaderBounds } from './frame-reader.ts';
import { WebSocketLink, type LinkBounds, type LinkHome } from './link.ts';

/**
 * Pieces that a frame may arrive in before it is whole: packets of 256 bytes for the largest one. Below that it is no slow network but somebody
 * who sends single bytes.
 */
export function chunksMaxFor(frameBytes: number): number {
  return Math.max(1_024, Math.ceil(frameBytes / 256));
}

export class LinkYard implements LinkHome {
  bounds: LinkBounds;
  readonly #links = new Set<WebSocketLink>();
  #timer: NodeJS.Timeout | null = null;
  #sweepEveryMs = 0;
  #onEmpty: (() => void) | null = null;

  constructor(bounds: LinkBounds) {
    this.bounds = bounds;
    this.#schedule();
  }

  /** Makes the socket, which is past its handshake, a link of that owner. Nothing reaches the handler before this returns. */
  add<Owner>(
    socket: Socket,
    side: 'server' | 'client',
    readerBounds: ReaderBounds,
    handler: LinkHandler<Owner>,
    owner: Owner,
  ): WebSocketLink {
    const link = new WebSocketLink(this, socket, side, readerBounds, handler, owner);
    this.#links.add(link);
    return link;
  }

  remove(link: WebSocketLink): void {
    this.#links.delete(link);
    if (this.#links.size === 0) this.#onEmpty?.();
  }

  /** Open links use these from now on. Sizes of frames and fragments stay what they were when the link was opened. */
  update(bounds: LinkBounds): void {
    this.bounds = bounds;
    this.#schedule();
  }

  /** Cuts every link and stops the timer; done when every owner was told. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
    for (const link of this.#links) link.terminate();
    if (this.#links.size === 0) return;
    await new Promise<void>((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  /** A quarter of the deadline, so that it is met within a quarter. */
  #schedule(): void {
    const everyMs = Math.min(Math.max(this.bounds.messageTimeoutMs / 4, 10), 5_000);
    if (this.#timer !== null && this.#sweepEveryMs === everyMs) return;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#sweepEveryMs = everyMs;
    this.#timer = setInterval(sweep, everyMs, this.#links).unref();
  }
}

function sweep(links: Set<WebSocketLink>): void {
  const nowMs = Math.trunc(performance.now());
  for (const link of links) link.checkAssembly(nowMs);
}
