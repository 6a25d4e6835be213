/**
 * What RFC 6455 says a frame may be: opcodes, close codes, sizes; and what a breach of it is called.
 *
 * Pure. §5.2, §5.5, §7.4. No extension is ever agreed on, so every reserved bit is a breach.
 */

export const opcode = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

/** §5.5: of any control frame. */
export const controlBytesMax = 125;
/** Of the reason in a close frame: what a control frame holds, less the two octets of the code. */
export const closeReasonBytesMax = controlBytesMax - 2;

/** The close frame had no code (§7.1.5). */
export const noStatus = 1005;

/** What a peer did that ends its link. */
export type FrameFault = 'protocol_fault' | 'invalid_utf8' | 'frame_too_big' | 'too_many_fragments';

/** §7.4.1. */
export const closeCodeOf: Readonly<Record<FrameFault, number>> = {
  protocol_fault: 1002,
  invalid_utf8: 1007,
  too_many_fragments: 1008,
  frame_too_big: 1009,
};

/** Codes that may stand in a close frame: those that are registered, and those for libraries and applications (§7.4.2). */
export function isCloseCode(code: number): boolean {
  if (code >= 3_000) return code <= 4_999;
  return code >= 1_000 && code <= 1_014 && code !== 1_004 && code !== 1_005 && code !== 1_006;
}
