import { nearestName } from '../schemas/index.js';

/** The end of a message about a name that is not known: what was probably meant, or where all are listed. */
export function suggestion(name: string, known: readonly string[]): string {
  const nearest = nearestName(name, known);
  return nearest === undefined ? '; throughline.example.yaml lists them all' : `; did you mean ${nearest}?`;
}
