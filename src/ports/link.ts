/**
 * One WebSocket, whichever side it was opened from.
 *
 * A link never throws. Everything it learns goes to its owner's handler, synchronously and in order; after `onClosed` nothing follows.
 * `owner` is whatever the handler was bound with: one handler object serves every link, so a link costs no closure.
 */
export interface Link {
  /** Sends one text frame, at the latest once what is being read has been read. False when the link is not open any more: the text is gone. */
  send(text: string): boolean;
  /** Starts the closing handshake; the link is cut after `closeTimeoutMs` (adapter's setting) at the latest. `onClosed` follows. */
  close(code: number, reason: string): void;
  /** Cuts the connection at once. `onClosed` follows. */
  terminate(): void;
  ping(): void;
  /** Stops reading from the socket; some frames already read may still arrive. */
  pause(): void;
  resume(): void;
  /** Bytes handed to `send` that the peer has not taken yet; what was handed over just now may not count yet. */
  readonly bufferedBytes: number;
}

export interface LinkHandler<Owner> {
  onText(owner: Owner, text: string): void;
  onPong(owner: Owner): void;
  /** Buffered bytes fell to zero after they had been above `congestedBytes` (adapter's setting). */
  onDrained(owner: Owner): void;
  /** `code` null: the connection vanished. `reason` is Busbar's own snake_case word for local faults (`frame_too_big`, `binary_frame`, `ping_flood`, …). */
  onClosed(owner: Owner, code: number | null, reason: string): void;
}
