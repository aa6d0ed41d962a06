/** Answers about SLOs, alerts and reports (docs/slo.md). Times are RFC 3339 in UTC. */
import { z } from 'zod';
import { Freshness } from './api-answers.js';

const count = z.number().int().nonnegative();
const time = z.string().describe('RFC 3339, UTC');
const ratio = z.number().min(0).max(1);
const key = z.record(z.string(), z.string());
const window = z.strictObject({ from: time.describe('Inclusive'), to: time.describe('Exclusive') });

const Budget = z.strictObject({
  allowed: z.number().nonnegative().describe('Bad events (slices) that the objective allows of those so far.'),
  consumed: z.number().nonnegative(),
  remaining_ratio: z.number().max(1).describe('1: untouched, 0: used up, negative: overspent.'),
  remaining_interval: z
    .tuple([z.number().max(1), z.number().max(1)])
    .describe('If all unknown were bad, if all were good.'),
  exhausted_at: time.nullable().describe('When it was used up in this window.'),
  projected_exhaustion: time.nullable().describe('When it will be at the present burn rate.'),
});

const BurnRate = z.strictObject({
  window: z.string(),
  rate: z.number().nonnegative().nullable().describe('1 spends exactly the budget; null: no budget, or no events.'),
});

const STANDING = {
  objective_ppm: count,
  window,
  total: count,
  good: count,
  bad: count,
  unknown: count,
  sli: ratio.nullable().describe('Share of good events (slices); null without events.'),
  budget: Budget,
  burn_rates: z.array(BurnRate),
};

export const SloGroupStatus = z.strictObject({ key, ...STANDING });
export type SloGroupStatus = z.output<typeof SloGroupStatus>;

const SloObjectiveStatus = z.strictObject({ display_name: z.string(), ...STANDING });

const Backfill = z.strictObject({
  done_ratio: ratio,
  minutes_left: count,
  reaches_back_to: time.nullable(),
  note: z.string(),
});

export const SloFreshness = z.strictObject({
  ...Freshness.shape,
  incomplete_ratio: ratio.describe("Share of the window's events without a verdict."),
  counted_to: time.nullable().describe('Every trace stored before that is counted.'),
  backfill: Backfill.nullable().describe('null when everything is counted as far back as the window reaches.'),
});

export type SloFreshness = z.output<typeof SloFreshness>;

export const SloStatusAnswer = z.strictObject({
  name: z.string(),
  at: time,
  ...STANDING,
  objectives: z.array(SloObjectiveStatus).describe('All of them; the first is the one above.'),
  groups: z.array(SloGroupStatus).describe('One per value of groupBy, of the first objective; empty without groupBy.'),
  unknown_counts_as: z.enum(['excluded', 'bad', 'good']),
  freshness: SloFreshness,
});
export type SloStatusAnswer = z.output<typeof SloStatusAnswer>;

export const SloBudgetAnswer = z.strictObject({
  name: z.string(),
  window,
  objective_ppm: count,
  step: z.string(),
  groups: z.array(
    z.strictObject({
      key,
      points: z.array(
        z.strictObject({
          at: time.describe('End of the step.'),
          total: count,
          good: count,
          bad: count,
          unknown: count,
          remaining_ratio: z.number().max(1),
          remaining_interval: z.tuple([z.number().max(1), z.number().max(1)]),
        }),
      ),
    }),
  ),
});
export type SloBudgetAnswer = z.output<typeof SloBudgetAnswer>;

export const BlameShare = z.strictObject({
  kind: z.enum(['service', 'link']),
  caller: z.string().nullable(),
  service: z.string(),
  tier: z.string(),
  operation: z.string(),
  events: count,
  share: ratio,
  excess_ms: z.number().describe('Over all its events: time beyond the baseline of healthy traces.'),
  examples: z.array(z.string()),
});
export type BlameShare = z.output<typeof BlameShare>;

export const SloBlameAnswer = z.strictObject({
  name: z.string(),
  window,
  bad: count,
  shares: z.array(BlameShare).describe('The largest first; their events sum to `bad`.'),
  baseline: z.strictObject({
    traces: count.describe('Healthy traces that bad ones were held against.'),
    from: time.nullable(),
    to: time.nullable(),
    events_without: count.describe('Bad events that no healthy trace was found for: the longest element was blamed.'),
  }),
});
export type SloBlameAnswer = z.output<typeof SloBlameAnswer>;

const CELL = z.strictObject({ total: count, good: count, bad: count, unknown: count });

export const Restatement = z.strictObject({
  at: time.describe('When it was counted anew.'),
  minute: time,
  key,
  objective: count,
  old: CELL,
  new: CELL,
  cause: z.strictObject({ kind: z.string(), late_spans: count, traces: z.array(z.string()) }),
});
export type Restatement = z.output<typeof Restatement>;

export const SloRestatementsAnswer = z.strictObject({
  name: z.string(),
  restatements: z.array(Restatement).describe('The latest first.'),
});
export type SloRestatementsAnswer = z.output<typeof SloRestatementsAnswer>;

export const SloSummary = z.strictObject({
  name: z.string(),
  display_name: z.string(),
  service: z.string(),
  objective_ppm: count.nullable().describe('Of the first objective; null where it is not counted.'),
  window: z.string().describe("`30d rolling`; '' where it is not counted."),
  source: z.enum(['api', 'folder']),
  version: count,
  counted: z.boolean().describe('False: another kind of data source, kept as a document only; `reason` says so.'),
  reason: z.string(),
});
export type SloSummary = z.output<typeof SloSummary>;

export const SlosAnswer = z.strictObject({ slos: z.array(SloSummary) });
export type SlosAnswer = z.output<typeof SlosAnswer>;

/** OpenSLO v1: its members are named in docs/slo.md. */
export const SloDocumentAnswer = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({}),
});

export const SloPutAnswer = z.strictObject({ ...SloSummary.shape, warnings: z.array(z.string()) });
export type SloPutAnswer = z.output<typeof SloPutAnswer>;

export const SloDeleteAnswer = z.strictObject({ name: z.string(), deleted: z.literal(true) });
export type SloDeleteAnswer = z.output<typeof SloDeleteAnswer>;

export const Alert = z.strictObject({
  id: z.string(),
  slo: z.string(),
  rule: z.string(),
  condition: z.string(),
  severity: z.string(),
  objective: count,
  key,
  state: z.enum(['pending', 'firing', 'resolved']),
  since: time,
  fired_at: time.nullable(),
  resolved_at: time.nullable(),
  burn_rates: z.array(BurnRate),
  held: z.string().describe("'' or why it is neither fired nor resolved now."),
});
export type Alert = z.output<typeof Alert>;

export const AlertsAnswer = z.strictObject({ alerts: z.array(Alert) });
export type AlertsAnswer = z.output<typeof AlertsAnswer>;

const ReportTrace = z.strictObject({
  trace_id: z.string(),
  end: time,
  service: z.string(),
  operation: z.string(),
  location: z.string(),
  duration_ms: z.number().nonnegative(),
  error: z.boolean(),
});
export type ReportTrace = z.output<typeof ReportTrace>;

const ReportGroup = z.strictObject({
  key,
  ...CELL.shape,
  sli: ratio.nullable(),
  budget: Budget,
  burn_down: z.array(z.strictObject({ at: time, remaining_ratio: z.number().max(1) })),
  worst_days: z.array(z.strictObject({ day: z.string(), ...CELL.shape, sli: ratio.nullable() })),
});
export type ReportGroup = z.output<typeof ReportGroup>;

export const SloReport = z.strictObject({
  name: z.string(),
  objective: count.describe('Index in the document, from 0: each objective has a part of its own.'),
  display_name: z.string(),
  description: z.string(),
  definition: z.string().describe('Hash of the definition that was in force at the end of the window.'),
  objective_ppm: count,
  groups: z.array(ReportGroup).describe('First all together (empty key), then one per value of groupBy.'),
  blame: z.array(BlameShare),
  slowest: z.array(ReportTrace),
  failed: z.array(ReportTrace),
  restatements: z.array(Restatement).describe('Since the last report of this window; without one: all of the window.'),
  notes: z.array(z.string()).describe('What was left out or cut, and why.'),
});
export type SloReport = z.output<typeof SloReport>;

export const ReportAnswer = z.strictObject({
  id: z.string(),
  window,
  created_at: time,
  watermark: time.nullable().describe('Frozen there: what came later is not in it.'),
  settled: z.boolean(),
  changes: z
    .array(z.strictObject({ slo: z.string(), objective: count, key, old: CELL, new: CELL }))
    .describe('Against the last report of the same window; why is in the restatements.'),
  previous_id: z.string().nullable(),
  slos: z.array(SloReport),
});
export type ReportAnswer = z.output<typeof ReportAnswer>;

export const ReportsAnswer = z.strictObject({
  reports: z.array(z.strictObject({ id: z.string(), window, created_at: time, slos: z.array(z.string()) })),
});
export type ReportsAnswer = z.output<typeof ReportsAnswer>;
