/** Everything loaded so far by a .slotest file: the counts of each group, the versions of the definition, what is held. */
import {
  type AlertState,
  CountSeries,
  inForceAt,
  type MinuteCounts,
  mergeCounts,
  type StatusQuestion,
} from '../../../../../analytics/slo/math/index.js';
import type { BurnCondition } from '../../../../../schemas/index.js';
import type { OracleEvent, OracleTerms } from '../../../../oracle/slo.js';
import type { Command, Definition } from './slotest-commands.js';

type Cell = { total: number; good: number; bad: number; unknown: number };

export interface Hold {
  readonly reason: 'watermark' | 'completeness' | null;
  readonly fromMinute: number;
  readonly toMinute: number;
}

export class SlotestWorld {
  readonly conditions: BurnCondition[] = [];
  readonly holds: Hold[] = [];
  /** Group and condition → the state after the last eval. */
  readonly alerts = new Map<string, AlertState>();
  readonly #versions: { fromMinute: number; definition: Definition }[];
  readonly #cells = new Map<string, Map<number, Cell>>();

  constructor(definition: Definition) {
    this.#versions = [{ fromMinute: Number.NEGATIVE_INFINITY, definition }];
  }

  change({ atMinute, changes }: Extract<Command, { kind: 'change' }>): void {
    const definition = { ...this.definitionAt(atMinute), ...changes };
    this.#versions.push({ fromMinute: atMinute, definition });
  }

  definitionAt(minute: number): Definition {
    return inForceAt(this.#versions, minute).definition;
  }

  /** What is loaded for a minute a second time takes the place of what was there: a restatement. */
  load({ fromMinute, series, stepMinutes }: Extract<Command, { kind: 'load' }>): void {
    for (const { group, values, verdict } of series) {
      const cells = this.#cells.get(group) ?? new Map<number, Cell>();
      this.#cells.set(group, cells);
      for (const [index, value] of values.entries()) {
        if (value === null) continue;
        const minute = fromMinute + index * stepMinutes;
        const cell = cells.get(minute) ?? { total: 0, good: 0, bad: 0, unknown: 0 };
        cell[verdict] = value;
        cell.total = cell.good + cell.bad + cell.unknown;
        cells.set(minute, cell);
      }
    }
  }

  /** Of all groups together: ''. */
  seriesOf(group: string): CountSeries {
    return new CountSeries(mergeCounts(this.#groups(group).map(name => this.#cellsOf(name))));
  }

  #groups(group: string): string[] {
    const names = [...this.#cells.keys()];
    return group === '' ? names : names.filter(name => name === group);
  }

  #cellsOf(group: string): MinuteCounts[] {
    return [...this.#cells.get(group)!]
      .map(([minute, cell]) => ({ minute, ...cell }))
      .sort((a, b) => a.minute - b.minute);
  }

  eventsOf(group: string): OracleEvent[] {
    return this.#groups(group).flatMap(name =>
      this.#cellsOf(name).flatMap(({ minute, ...cell }) =>
        (['good', 'bad', 'unknown'] as const).map(verdict => ({
          endMs: minute * 60_000 + 59_999,
          verdict,
          group: name,
          count: cell[verdict],
        })),
      ),
    );
  }

  termsAt(minute: number): Pick<StatusQuestion, 'slo' | 'objective'> & OracleTerms {
    const { budgetingMethod, slices, targetPpm, unknown, window } = this.definitionAt(minute);
    return { slo: { window, budgetingMethod, unknown }, objective: { targetPpm, slices } };
  }
}
