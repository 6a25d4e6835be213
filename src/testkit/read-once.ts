/**
 * Texts as checkers look at them: each is read once, however many rules look at it.
 *
 * Not pure: remembers what was read last.
 */
import { contentOf as readContent, readMessage as parseMessage, type Message } from './wire.ts';

/** An hour of one simulated life is some thousand texts, each in two ledgers and the journal. */
const rememberedMax = 20_000;

export const readMessage = remembering<Message | null>(parseMessage);
export const contentOf = remembering<string>(readContent);

function remembering<Value>(read: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, Value>();
  return (text) => {
    const before = known.get(text);
    // Null, for a text that cannot be read, is an answer too.
    if (before !== undefined) return before;
    if (known.size >= rememberedMax) known.clear();
    const value = read(text);
    known.set(text, value);
    return value;
  };
}
