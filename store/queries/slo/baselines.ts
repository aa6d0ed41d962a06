/** What healthy traces of one kind spend, by element of the critical path: whole sums, which can be added up. */

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

/** What a trace is held against: healthy traces of its entry, and if there are enough of those only the ones like it. */
export interface TraceKind extends Entry {
  /** The services with time of their own on the critical path, as a text; '' for whatever they are. */
  readonly services: string;
}

/** The mean of an element is its sum over `traces`; one that is not among the sums has 0. */
export interface Baseline {
  readonly of: TraceKind;
  readonly traces: number;
  /** Each element once. */
  readonly sums: readonly ElementSum[];
  /** Starts of the first and the last minute that they ended in, epoch seconds. */
  readonly firstMinute: number;
  readonly lastMinute: number;
}

/** Of each kind one, in which all of it is added up: what several shards or several times have seen. */
export function addBaselines(parts: readonly Baseline[]): Baseline[] {
  return groupBy(parts, ({ of }) => kindKey(of)).map(same => ({
    of: same[0].of,
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

/** Equal for equal kinds. */
export function kindKey({ service, operation, services }: TraceKind): string {
  return JSON.stringify([service, operation, services]);
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
