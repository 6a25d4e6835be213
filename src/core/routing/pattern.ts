/**
 * Patterns with `*`, as routes and groups use them.
 *
 * Pure. `*` stands for any run of characters, also none; everything else stands for itself, case and all. Greedy with one step back per star, so a
 * hostile identity costs at most pattern × text and no regular expression is built.
 */
export function matchesPattern(pattern: string, text: string): boolean {
  let patternAt = 0;
  let textAt = 0;
  let starAt = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const wanted = pattern[patternAt];
    if (wanted === '*') {
      starAt = patternAt;
      resumeAt = textAt;
      patternAt += 1;
    } else if (wanted === text[textAt]) {
      patternAt += 1;
      textAt += 1;
    } else if (starAt !== -1) {
      resumeAt += 1;
      textAt = resumeAt;
      patternAt = starAt + 1;
    } else return false;
  }
  while (pattern[patternAt] === '*') patternAt += 1;
  return patternAt === pattern.length;
}
