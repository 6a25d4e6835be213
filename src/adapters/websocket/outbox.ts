/**
 * Texts that leave together once a turn of the event loop has read what there was to read.
 *
 * Not pure: owns the queue that all links share. A write to a peer that sleeps wakes it, and waking costs more than writing. Where every text leaves by itself a peer that is
 * quicker than Busbar falls asleep after each; what leaves together finds it awake. The order of the texts of a link is that in which they were given.
 */

/** Who sends a text when its time has come. It never throws. */
export interface Sender {
  sendNow(text: string): void;
}

/** So many texts, or so many characters in them, do not wait for the end of the turn. */
export const textsMax = 64;
export const charactersMax = 1_048_576;

const senders: Sender[] = [];
const texts: string[] = [];
let characters = 0;
let isFlushing = false;
let isDue = false;

/** Sends the text at the end of this turn, or at once where too much waits for that already. */
export function sendLater(sender: Sender, text: string): void {
  senders.push(sender);
  characters += text.length;
  if (texts.push(text) >= textsMax || characters >= charactersMax) flush();
  else if (!isDue) {
    isDue = true;
    setImmediate(flushDue);
  }
}

/** Sends what waits. Whoever closes or cuts a link does this first, so that what it was given before goes before. */
export function flush(): void {
  if (isFlushing || texts.length === 0) return;
  isFlushing = true;
  try {
    for (let at = 0; at < texts.length; at += 1) senders[at]?.sendNow(texts[at] ?? '');
  } finally {
    // A bug of one link must not leave all of them mute.
    senders.length = 0;
    texts.length = 0;
    characters = 0;
    isFlushing = false;
  }
}

function flushDue(): void {
  isDue = false;
  flush();
}
