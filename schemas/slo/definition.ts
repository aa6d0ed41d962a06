/**
 * An SLO as the program works with it: what OpenSLO documents say, resolved, checked, in integers. Plain data, so that it
 * can be stored as JSON, hashed and compared; nothing here is optional, so that two documents that mean the same give the
 * same definition.
 */

/** What an event is grouped by: `location` is the finest known of locality, region and country. */
export type GroupDimension = 'location' | 'locality' | 'region' | 'country' | 'service' | 'operation' | 'environment';

/** An attribute of the root span, else of its resource, has one of these values. */
export interface AttributeMatch {
  readonly key: string;
  readonly values: readonly string[];
}

/**
 * Which traces count. Within a list any value will do (empty: all), the lists must all hold. As rows of `traces` say
 * them; where the root is missing they say what is known so far.
 */
export interface TraceSelection {
  /** Of the entry (the root span). */
  readonly services: readonly string[];
  readonly operations: readonly string[];
  readonly environments: readonly string[];
  /** Locality, region code or country code, lower case. */
  readonly locations: readonly string[];
  readonly attributes: readonly AttributeMatch[];
  /** Each must have time on the critical path. */
  readonly pathTiers: readonly string[];
  readonly pathServices: readonly string[];
}

/** `lt` 300 ms: good when the measure is below it. */
export interface DurationCondition {
  /** null: the user-visible duration; else time on the critical path in that tier. */
  readonly tier: string | null;
  readonly op: 'lt' | 'lte' | 'gt' | 'gte';
  /** Nanoseconds; a decimal text, since JSON has no 64-bit integers. */
  readonly ns: string;
}

/**
 * What makes a selected trace good: all of it must hold. Verdicts are three-valued: bad as soon as one condition is known
 * not to hold, good when all are known to hold, else unknown. Known are: the duration, when there is a root; time in a
 * tier, when the trace is complete; an error, when there is one; that there is none, when there is a root.
 */
export interface GoodCondition {
  readonly durations: readonly DurationCondition[];
  /** Whether an error makes it bad. */
  readonly noError: boolean;
  /** A narrower selection that a good trace must also fall into; null for none. */
  readonly within: TraceSelection | null;
  /** The document said what is bad: the verdicts good and bad change places. */
  readonly isNegated: boolean;
}

export interface TimeSlices {
  /** Least share of good events for a slice to be good, parts per million. */
  readonly targetPpm: number;
  readonly minutes: number;
}

export interface SloObjective {
  readonly displayName: string;
  /** Share of good events (or slices) that is promised, parts per million: 99.5 % is 995,000. */
  readonly targetPpm: number;
  readonly good: GoodCondition;
  /** null for Occurrences. */
  readonly slices: TimeSlices | null;
}

export type CalendarUnit = 'day' | 'week' | 'month' | 'quarter' | 'year';

export type SloWindow =
  | { readonly kind: 'rolling'; readonly minutes: number }
  | {
      readonly kind: 'calendar';
      /** Each window is `count` units long; windows follow each other from `start`, a local time in `timeZone`. */
      readonly count: number;
      readonly unit: CalendarUnit;
      /** `2022-01-01T12:00:00`, without a zone. */
      readonly start: string;
      /** IANA name. */
      readonly timeZone: string;
    };

/** Fires when the burn rate exceeds `factor` over the long window and over the short one. */
export interface BurnCondition {
  readonly name: string;
  readonly severity: 'page' | 'ticket' | string;
  /** Parts per thousand, so that 14.4 is 14,400: a burn rate of 1 spends exactly the budget in the SLO's window. */
  readonly factorPerMille: number;
  readonly op: 'gt' | 'gte';
  readonly longMinutes: number;
  readonly shortMinutes: number;
  /** How long it must hold before it fires. */
  readonly pendingMinutes: number;
  /** Fewer events than this in the long window never fire. */
  readonly minimumEvents: number;
}

export interface NotificationTarget {
  readonly name: string;
  /** Where Alertmanager-compatible webhooks go; '' for a target of another kind, which is only named. */
  readonly url: string;
}

export interface AlertRule {
  readonly name: string;
  readonly displayName: string;
  readonly conditions: readonly BurnCondition[];
  readonly targets: readonly NotificationTarget[];
  /** Whether to say so when it is over, and when there is no data. */
  readonly notifyResolved: boolean;
  readonly notifyNoData: boolean;
}

/** Which way traces without a verdict count: not at all, or as good or bad. */
export type UnknownPolicy = 'excluded' | 'bad' | 'good';

export type BudgetingMethod = 'Occurrences' | 'Timeslices' | 'RatioTimeslices';

export interface SloDefinition {
  readonly name: string;
  readonly displayName: string;
  readonly description: string;
  /** The OpenSLO Service it belongs to. */
  readonly service: string;
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly selection: TraceSelection;
  readonly groupBy: readonly GroupDimension[];
  readonly unknown: UnknownPolicy;
  readonly window: SloWindow;
  readonly budgetingMethod: BudgetingMethod;
  readonly objectives: readonly SloObjective[];
  /** Empty: none are wanted. The defaults are filled in where the document has no policies. */
  readonly alerts: readonly AlertRule[];
}
