/** Objectives in parts per million, with their slices. */
import type { SloObjective, SloWindow, TimeSlices } from './definition.js';
import type { Objective, SloSpec } from './documents.js';
import type { Indicator } from './indicators.js';
import { inside, type Located, type Report } from './report.js';
import { minutesOf, parseShorthand } from './shorthand.js';
import { percentToPpm, shareToPpm } from './value-rules.js';
import { nominalMinutes } from './windows.js';

const MAX_SLICE_MINUTES = 1_440;

/** Those that cannot be resolved are left out; it has been reported why. */
export function resolveObjectives(
  { value: spec, place }: Located<SloSpec>,
  indicator: Indicator,
  window: SloWindow,
  report: Report,
): SloObjective[] {
  return spec.objectives.flatMap((value, index) => {
    const objective = { value, place: inside(place, 'objectives', index) };
    warnOfIdleFields(objective, indicator.isThreshold, spec.budgetingMethod, report);
    const targetPpm = targetOf(value);
    const good = indicator.good(objective, report);
    const slices = slicesOf(objective, spec.budgetingMethod, window, report);
    if (targetPpm === undefined || good === null || slices === undefined) return [];
    return [{ displayName: value.displayName ?? '', targetPpm, good, slices }];
  });
}

/** A composite SLO has indicators in its objectives, or weights. */
export function reportComposite({ value: spec, place }: Located<SloSpec>, report: Report): void {
  for (const [index, objective] of spec.objectives.entries()) {
    for (const key of ['indicator', 'indicatorRef', 'compositeWeight'] as const) {
      if (objective[key] === undefined) continue;
      const message =
        'composite SLOs are not supported: give each objective with an indicator an SLO of its own, without weights';
      report.add('unsupported', inside(place, 'objectives', index, key), message);
    }
  }
}

function targetOf({ target, targetPercent }: Objective): number | undefined {
  if (target !== undefined) return shareToPpm(target);
  return targetPercent === undefined ? undefined : percentToPpm(targetPercent);
}

/** undefined: it has been reported why not. */
function slicesOf(
  { value: objective, place }: Located<Objective>,
  method: SloSpec['budgetingMethod'],
  window: SloWindow,
  report: Report,
): TimeSlices | null | undefined {
  if (method === 'Occurrences') return null;
  const { timeSliceWindow, timeSliceTarget } = objective;
  const shorthand = typeof timeSliceWindow === 'string' ? parseShorthand(timeSliceWindow) : undefined;
  const minutes = shorthand === undefined ? Number(timeSliceWindow) : minutesOf(shorthand);
  const most = Math.min(MAX_SLICE_MINUTES, nominalMinutes(window));
  if (!(minutes <= most)) {
    report.add(
      'problem',
      inside(place, 'timeSliceWindow'),
      'give a slice of at most 1d, and no longer than the window',
      timeSliceWindow,
    );
    return undefined;
  }
  // What share of a slice must be good is no question where its share counts.
  if (method === 'RatioTimeslices') return { targetPpm: 0, minutes };
  const targetPpm = timeSliceTarget === undefined ? undefined : shareToPpm(timeSliceTarget);
  return targetPpm === undefined ? undefined : { targetPpm, minutes };
}

function warnOfIdleFields(
  { value: objective, place }: Located<Objective>,
  isThreshold: boolean,
  method: SloSpec['budgetingMethod'],
  report: Report,
): void {
  const idle = (key: keyof Objective, reason: string) => {
    if (objective[key] !== undefined)
      report.add('warning', inside(place, key), `says nothing ${reason}`, objective[key]);
  };
  if (!isThreshold) for (const key of ['op', 'value'] as const) idle(key, 'with a ratioMetric');
  if (method !== 'Timeslices') idle('timeSliceTarget', `with ${method}`);
  if (method === 'Occurrences') idle('timeSliceWindow', `with ${method}`);
}
