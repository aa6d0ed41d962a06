/** The budget over the window as a small inline SVG: no script, no style sheet, readable in mail. */

export interface BurnDownPoint {
  readonly at: string;
  readonly remaining_ratio: number;
}

const WIDTH = 480;
const HEIGHT = 96;
const LEFT = 40;
const BOTTOM = 18;
const TOP = 6;

/** `from` and `to` bound the time axis. Points in order of time. */
export function burnDownSvg(points: readonly BurnDownPoint[], from: string, to: string): string {
  const startMs = Date.parse(from);
  const lengthMs = Math.max(1, Date.parse(to) - startMs);
  const lowest = Math.min(0, ...points.map(point => point.remaining_ratio));
  const floor = Math.max(lowest, -1);
  const x = (at: string) => LEFT + ((Date.parse(at) - startMs) / lengthMs) * (WIDTH - LEFT);
  const y = (ratio: number) => TOP + ((1 - Math.max(ratio, floor)) / (1 - floor)) * (HEIGHT - TOP - BOTTOM);
  const line = points.map(({ at, remaining_ratio }) => `${x(at).toFixed(1)},${y(remaining_ratio).toFixed(1)}`);
  const last = points.at(-1);
  const isSpent = (last?.remaining_ratio ?? 1) <= 0;
  const grid = [1, 0.5, 0].map(
    ratio =>
      `<line x1="${LEFT}" x2="${WIDTH}" y1="${y(ratio).toFixed(1)}" y2="${y(ratio).toFixed(1)}" stroke="${ratio === 0 ? '#888' : '#ddd'}"/>` +
      `<text x="${LEFT - 4}" y="${(y(ratio) + 3).toFixed(1)}" text-anchor="end">${ratio * 100} %</text>`,
  );
  const label = last === undefined ? 'no data' : `${Math.floor(last.remaining_ratio * 1000) / 10} % of the budget left`;
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="10" fill="#555" role="img" aria-label="${label}">
${grid.join('\n')}
<text x="${LEFT}" y="${HEIGHT - 4}">${from.slice(0, 10)}</text><text x="${WIDTH}" y="${HEIGHT - 4}" text-anchor="end">${to.slice(0, 10)}</text>
<polyline points="${line.join(' ')}" fill="none" stroke="${isSpent ? '#c0392b' : '#2471a3'}" stroke-width="1.5"/>
</svg>`;
}
