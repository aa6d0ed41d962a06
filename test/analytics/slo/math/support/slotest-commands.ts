/** What a .slotest file says, command by command. README.md in the fixtures' folder describes the language. */
import type {
  BudgetingMethod,
  BurnCondition,
  SloWindow,
  TimeSlices,
  UnknownPolicy,
} from '../../../../../schemas/index.js';

export interface Definition {
  readonly targetPpm: number;
  readonly window: SloWindow;
  readonly budgetingMethod: BudgetingMethod;
  readonly slices: TimeSlices | null;
  readonly unknown: UnknownPolicy;
}

export type Verdict = 'good' | 'bad' | 'unknown';

export interface LoadedSeries {
  readonly group: string;
  readonly verdict: Verdict;
  /** One per step; null: nothing is said of that step. */
  readonly values: readonly (number | null)[];
}

export interface Expectation {
  readonly line: number;
  readonly words: readonly string[];
}

/** Of the events of one group, or of all ('' ). */
interface Eval {
  readonly line: number;
  readonly group: string;
  readonly expected: readonly Expectation[];
}

export interface EvalStatus extends Eval {
  readonly kind: 'status';
  readonly atMinute: number;
}

export interface EvalBudget extends Eval {
  readonly kind: 'budget';
  readonly atMinute: number;
  readonly stepMinutes: number;
}

export interface EvalAlerts extends Eval {
  readonly kind: 'alerts';
  readonly fromMinute: number;
  /** Inclusive. */
  readonly toMinute: number;
}

export type Command =
  | { readonly kind: 'slo'; readonly line: number; readonly definition: Definition }
  | {
      readonly kind: 'change';
      readonly line: number;
      readonly atMinute: number;
      readonly changes: Partial<Definition>;
    }
  | { readonly kind: 'alert'; readonly line: number; readonly condition: BurnCondition }
  | {
      readonly kind: 'load';
      readonly line: number;
      readonly stepMinutes: number;
      readonly fromMinute: number;
      readonly series: readonly LoadedSeries[];
    }
  | {
      readonly kind: 'hold' | 'down';
      readonly line: number;
      readonly reason: 'watermark' | 'completeness' | null;
      readonly fromMinute: number;
      /** Exclusive. */
      readonly toMinute: number;
    }
  | EvalStatus
  | EvalBudget
  | EvalAlerts;
