/** The end of a message about a name that is not known: what was probably meant, or where all are listed. */
export function suggestion(name: string, known: readonly string[]): string {
  let nearest = '';
  let least = Math.max(3, name.length / 3);
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase());
    if (distance >= least) continue;
    least = distance;
    nearest = candidate;
  }
  return nearest === '' ? '; throughline.example.yaml lists them all' : `; did you mean ${nearest}?`;
}

/** Levenshtein's. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = previous[j - 1] + Number(a[i - 1] !== b[j - 1]);
      current.push(Math.min(previous[j] + 1, current[j - 1] + 1, substituted));
    }
    previous = current;
  }
  return previous[b.length];
}
