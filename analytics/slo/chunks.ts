/** Bounds what one statement counts: rows, minutes, SLOs, and rows times SLOs. */
import type { CountedSlo, DirtyMinute, SloChunk } from '../../store/index.js';

export const ROWS_AT_ONCE = 500_000;
export const MINUTES_AT_ONCE = 500;
export const SLOS_AT_ONCE = 50;

/** Every SLO of a tenant with every one of its minutes. A minute that is too large by itself is one chunk. */
export function chunksOf(minutes: readonly DirtyMinute[], slos: readonly CountedSlo[]): SloChunk[] {
  const tenants = [...new Set(minutes.map(({ tenant }) => tenant))];
  return tenants.flatMap(tenant => {
    const own = slos.filter(slo => slo.tenant === tenant);
    const groups = groupsOf(own, SLOS_AT_ONCE);
    const stretches = stretchesOf(minutes.filter(minute => minute.tenant === tenant));
    return groups.flatMap(group => stretches.map(stretch => ({ tenant, slos: group, minutes: stretch })));
  });
}

export function stretchesOf(minutes: readonly { readonly minute: number; readonly rows: number }[]): number[][] {
  const stretches: number[][] = [];
  let stretch: number[] = [];
  let total = 0;
  for (const { minute, rows } of minutes) {
    if (stretch.length > 0 && (total + rows > ROWS_AT_ONCE || stretch.length === MINUTES_AT_ONCE)) {
      stretches.push(stretch);
      stretch = [];
      total = 0;
    }
    stretch.push(minute);
    total += rows;
  }
  return stretch.length > 0 ? [...stretches, stretch] : stretches;
}

export function groupsOf<Item>(items: readonly Item[], size: number): Item[][] {
  const groups: Item[][] = [];
  for (let at = 0; at < items.length; at += size) groups.push(items.slice(at, at + size));
  return groups;
}
