/**
 * A journal record as the frames an operator asks for.
 *
 * Pure. One record of a relayed frame becomes two frames: received on one link, sent on the other, differing in the message id only.
 */
import type { FrameKind } from '../../protocol/frame.ts';
import type { StationId } from '../../protocol/station-id.ts';
import type { JournalRecord, LinkName, Outcome } from './record.ts';

/** One frame on one link, as the API gives it (docs/reference/api.md). */
export interface JournalFrame {
  readonly position: number;
  /** Wall clock, milliseconds since 1970. */
  readonly at: number;
  readonly station: StationId;
  readonly link: LinkName;
  readonly direction: 'in' | 'out';
  readonly kind: FrameKind | 'invalid';
  readonly messageId: string | null;
  readonly action: string | null;
  /** What was received or sent, to the byte. */
  readonly text: string;
  /** What became of a received frame; null on a sent one. */
  readonly outcome: Outcome | null;
  readonly latencyMs: number | null;
}

/** The frames of one record, oldest first; none for a record that is about a link or a station. */
export function framesOf(record: JournalRecord, position: number): JournalFrame[] {
  if (record.type !== 'frame' && record.type !== 'sent') return [];
  const { at, station, link, kind, action, text, idStart, idEnd } = record;
  const idToken = text.slice(idStart, idEnd);
  const common = { at, station, kind, action } as const;
  if (record.type === 'sent') {
    return [
      {
        ...common,
        position,
        link,
        direction: 'out',
        messageId: idOf(idToken),
        text,
        outcome: null,
        latencyMs: null,
      },
    ];
  }
  const { outcome, latencyMs, relayedTo, relayedIdToken } = record;
  const received: JournalFrame = {
    ...common,
    position,
    link,
    direction: 'in',
    messageId: idOf(idToken),
    text,
    outcome,
    latencyMs,
  };
  if (relayedTo === null || relayedIdToken === null) return [received];
  const sentText = text.slice(0, idStart) + relayedIdToken + text.slice(idEnd);
  return [
    received,
    {
      ...common,
      position: position + 1,
      link: relayedTo,
      direction: 'out',
      messageId: idOf(relayedIdToken),
      text: sentText,
      outcome: null,
      latencyMs: null,
    },
  ];
}

function idOf(idToken: string): string | null {
  return idToken === '' ? null : (JSON.parse(idToken) as string);
}
