/**
 * Whether a 1.6 backend has answered the start of a transaction without giving it a number.
 *
 * Pure. What follows of the transaction would be of none to it, and the bill be lost without a word (protocol: both members of the answer are required). One that refuses the driver may have made no transaction at all.
 */
import { membersOf, readPayload, textOf } from '../commands/payload.ts';
import { payloadOf, type Frame } from '../../protocol/frame.ts';
import { tokenAt } from '../../protocol/splice.ts';
import type { OcppVersion } from '../../protocol/version.ts';
import { integerOf } from '../ids/id-token.ts';

/** A call, and the version that it was made in; null: it was made in none. */
interface Answered {
  readonly version: OcppVersion | null;
  readonly action: string;
}

/** `text`, `frame`: the result. */
export function isUnnumbered({ version, action }: Answered, text: string, frame: Frame): boolean {
  if (version !== 'ocpp1.6' || action !== 'StartTransaction') return false;
  const token = tokenAt(text, frame.bodyStart, ['transactionId']);
  if (token !== null && integerOf(token) !== null) return false;
  const status = textOf(membersOf(readPayload(payloadOf(text, frame)).members['idTagInfo']), 'status');
  return status === null || status === 'Accepted';
}
