/** What healthy traces of one entry spend, by element of the critical path: whole sums, which can be added up. */

/** What the root says the trace is. */
export interface Entry {
  readonly service: string;
  readonly operation: string;
}

/** Sections of a critical path that are one and the same as to who is to blame. */
export interface PathElement {
  readonly kind: 'service' | 'link';
  /** '' unless a link. */
  readonly caller: string;
  readonly service: string;
  readonly operation: string;
  readonly tier: string;
}

export interface ElementSum {
  readonly element: PathElement;
  readonly ns: bigint;
}

/** The mean of an element is its sum over `traces`; one that is not among the sums has 0. */
export interface EntryBaseline {
  readonly entry: Entry;
  readonly traces: number;
  /** Each element once. */
  readonly sums: readonly ElementSum[];
  /** Starts of the first and the last minute that they ended in, epoch seconds. */
  readonly firstMinute: number;
  readonly lastMinute: number;
}

/** Of each entry one, in which all of it is added up: what several shards or several times have seen. */
export function addBaselines(parts: readonly EntryBaseline[]): EntryBaseline[] {
  const byEntry = groupBy(parts, ({ entry }) => JSON.stringify([entry.service, entry.operation]));
  return byEntry.map(same => ({
    entry: same[0].entry,
    traces: same.reduce((sum, { traces }) => sum + traces, 0),
    sums: addSums(same.flatMap(({ sums }) => sums)),
    firstMinute: Math.min(...same.map(({ firstMinute }) => firstMinute)),
    lastMinute: Math.max(...same.map(({ lastMinute }) => lastMinute)),
  }));
}

function addSums(parts: readonly ElementSum[]): ElementSum[] {
  return groupBy(parts, ({ element }) => elementKey(element)).map(same => ({
    element: same[0].element,
    ns: same.reduce((sum, { ns }) => sum + ns, 0n),
  }));
}

/** Equal for equal elements. */
export function elementKey({ kind, caller, service, operation, tier }: PathElement): string {
  return JSON.stringify([kind, caller, service, operation, tier]);
}

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return [...groups.values()];
}
