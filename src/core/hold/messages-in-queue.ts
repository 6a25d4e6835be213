/**
 * The station's answer to GetTransactionStatus, for a backend that is still to get messages from Busbar.
 *
 * Pure. What Busbar has taken from a station is in its queue no more, and it says that there is nothing to come (2.x E14). Its backend would close a bill of which it has a part.
 */
import { eachValue, splice, withMember, type Edit } from '../../protocol/splice.ts';

/** The result, saying that messages are yet to come; the same text where it is no object. */
export function withMessagesInQueue(result: string): string {
  if (!result.startsWith('{')) return result;
  const edits: Edit[] = [];
  eachValue(result, 0, ['messagesInQueue'], (_, start, end) => edits.push({ start, end, text: 'true' }));
  return edits.length > 0 ? splice(result, edits) : withMember(result, 0, 'messagesInQueue', 'true');
}
