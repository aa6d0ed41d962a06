/** Which of a question's minutes whole hours can stand for. */
import type { MinuteSpan } from './counts.js';

export interface HourCover {
  /** Ascending; begin and end at full hours. */
  readonly hours: readonly MinuteSpan[];
  /** All the rest. */
  readonly minutes: readonly MinuteSpan[];
}

const HOUR = 60;
/** Fewer hours between minutes are read as minutes, too: they are stored in blocks of a day, and each span costs time. */
const FEW_HOURS = 6;
/** A statement does not grow beyond: hours and minutes that alternate too often are read as minutes. */
const MAX_SPANS = 400;

/** An hour stands for its minutes if it lies whole within one of `spans`, no edge within it, and is not in `unsummed`. */
export function coverByHours(
  spans: readonly MinuteSpan[],
  edges: readonly number[],
  unsummed: readonly number[],
): HourCover {
  const left = new Set([...unsummed, ...edges.filter(edge => edge % HOUR !== 0)].map(startOfHour));
  const hours: MinuteSpan[] = [];
  const minutes: MinuteSpan[] = [];
  for (const span of spans) {
    for (const { isWhole, ...part } of piecesOf(span, left)) (isWhole ? hours : minutes).push(part);
  }
  return hours.length + minutes.length > MAX_SPANS ? { hours: [], minutes: spans } : { hours, minutes };
}

interface Piece extends MinuteSpan {
  /** Of whole hours. */
  readonly isWhole: boolean;
}

function piecesOf({ fromMinute, toMinute }: MinuteSpan, left: ReadonlySet<number>): Piece[] {
  const pieces: Piece[] = [];
  for (let from = fromMinute; from < toMinute; ) {
    const to = Math.min(toMinute, startOfHour(from) + HOUR);
    append(pieces, { isWhole: to - from === HOUR && !left.has(from), fromMinute: from, toMinute: to });
    from = to;
  }
  const joined: Piece[] = [];
  for (const [index, piece] of pieces.entries()) {
    const isBetween = index > 0 && index < pieces.length - 1;
    const isShort = isBetween && piece.toMinute - piece.fromMinute < FEW_HOURS * HOUR;
    append(joined, { ...piece, isWhole: piece.isWhole && !isShort });
  }
  return joined;
}

/** Whether any hour of them could be read as one, if nothing but their place is looked at. */
export function holdsWholeHours(spans: readonly MinuteSpan[]): boolean {
  return spans.some(({ fromMinute, toMinute }) => startOfHour(fromMinute + HOUR - 1) + HOUR <= toMinute);
}

/** Starts of the hours of `span` that end after `minute`. */
export function hoursBetween(minute: number, { fromMinute, toMinute }: MinuteSpan): number[] {
  const hours: number[] = [];
  for (let hour = startOfHour(Math.max(minute, fromMinute)); hour < toMinute; hour += HOUR) hours.push(hour);
  return hours;
}

function startOfHour(minute: number): number {
  return Math.floor(minute / HOUR) * HOUR;
}

function append(pieces: Piece[], piece: Piece): void {
  const last = pieces.at(-1);
  if (last?.isWhole === piece.isWhole) pieces[pieces.length - 1] = { ...last, toMinute: piece.toMinute };
  else pieces.push(piece);
}
