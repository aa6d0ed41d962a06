/** Text of a .slotest file → commands. Every error names the file and the line. */
import type { BurnCondition, CalendarUnit, SloWindow, UnknownPolicy } from '../../../../../schemas/index.js';
import type { Command, Definition, Expectation, LoadedSeries, Verdict } from './slotest-commands.js';
import {
  countOf,
  durationOf,
  factorOf,
  instantOf,
  percentOf,
  SlotestError,
  splitGroup,
  valuesOf,
} from './slotest-values.js';

interface Line {
  readonly number: number;
  readonly text: string;
}

interface Block {
  readonly head: Line;
  /** The indented lines below it. */
  readonly body: readonly Line[];
}

const DEFAULTS: Omit<Definition, 'targetPpm'> = {
  window: { kind: 'rolling', minutes: 30 * 1440 },
  budgetingMethod: 'Occurrences',
  slices: null,
  unknown: 'excluded',
};

export function parseSlotest(file: string, lines: readonly string[]): Command[] {
  return blocksOf(file, lines).map(block => at(file, block.head, () => commandOf(file, block)));
}

/** Runs it; what it throws as plain text gets the place it was about, unless it has one. */
function at<T>(file: string, { number }: Line, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof SlotestError) throw error;
    throw new SlotestError(file, number, (error as Error).message);
  }
}

function blocksOf(file: string, lines: readonly string[]): Block[] {
  const blocks: { head: Line; body: Line[] }[] = [];
  for (const [index, raw] of lines.entries()) {
    const text = raw.replace(/(^|\s)#.*$/, '').trimEnd();
    if (text === '') continue;
    const line = { number: index + 1, text: text.trim() };
    if (!/^\s/.test(text)) blocks.push({ head: line, body: [] });
    else if (blocks.length === 0)
      throw new SlotestError(file, line.number, 'an indented line needs a command above it');
    else blocks[blocks.length - 1].body.push(line);
  }
  return blocks;
}

function commandOf(file: string, { head, body }: Block): Command {
  const line = head.number;
  const { group, rest } = splitTrailingGroup(head.text);
  const words = rest.split(/\s+/);
  switch (words[0]) {
    case 'slo': {
      expectForm(words, 'slo');
      const said = definitionOf(file, body);
      if (said.targetPpm === undefined) throw new Error('an slo needs an objective');
      return { kind: 'slo', line, definition: { ...DEFAULTS, ...said, targetPpm: said.targetPpm } };
    }
    case 'change': {
      const [, instant] = expectForm(words, 'change at INSTANT');
      return { kind: 'change', line, atMinute: instantOf(instant), changes: definitionOf(file, body) };
    }
    case 'alert':
      noBody(file, body);
      return { kind: 'alert', line, condition: conditionOf(words) };
    case 'load': {
      const [step, , instant] = expectForm(words, 'load STEP from INSTANT');
      const series = body.flatMap(each => at(file, each, () => seriesOf(each.text)));
      return { kind: 'load', line, stepMinutes: durationOf(step), fromMinute: instantOf(instant), series };
    }
    case 'hold': {
      noBody(file, body);
      const [reason, , from, , to] = expectForm(words, 'hold REASON from INSTANT to INSTANT');
      if (reason !== 'watermark' && reason !== 'completeness') throw new Error(`"${reason}" is no reason to hold`);
      return { kind: 'hold', line, reason, fromMinute: instantOf(from), toMinute: instantOf(to) };
    }
    case 'down': {
      noBody(file, body);
      const [, from, , to] = expectForm(words, 'down from INSTANT to INSTANT');
      return { kind: 'down', line, reason: null, fromMinute: instantOf(from), toMinute: instantOf(to) };
    }
    case 'eval':
      return evalOf(line, words, group, body);
    default:
      throw new Error(`"${words[0]}" is no command: slo, change, alert, load, hold, down or eval`);
  }
}

function evalOf(line: number, words: readonly string[], group: string, body: readonly Line[]): Command {
  const expected: Expectation[] = body.map(each => ({ line: each.number, words: each.text.split(/\s+/) }));
  if (expected.length === 0) throw new Error('an eval needs what is expected, indented below it');
  switch (words[1]) {
    case 'status': {
      const [, , instant] = expectForm(words, 'eval status at INSTANT');
      return { kind: 'status', line, group, expected, atMinute: instantOf(instant) };
    }
    case 'budget': {
      const [, , step, , instant] = expectForm(words, 'eval budget step STEP at INSTANT');
      return { kind: 'budget', line, group, expected, stepMinutes: durationOf(step), atMinute: instantOf(instant) };
    }
    case 'alerts': {
      const [, , from, , to] = expectForm(words, 'eval alerts from INSTANT to INSTANT');
      return { kind: 'alerts', line, group, expected, fromMinute: instantOf(from), toMinute: instantOf(to) };
    }
    default:
      throw new Error(`"${words[1] ?? ''}" cannot be evaluated: status, budget or alerts`);
  }
}

/** Checks the lower-case words of the form and returns all words after the first. */
function expectForm(words: readonly string[], form: string): string[] {
  const wanted = form.split(' ');
  const fits =
    words.length === wanted.length && wanted.every((word, i) => word !== word.toLowerCase() || word === words[i]);
  if (!fits) throw new Error(`"${words.join(' ')}" is not of the form "${form}"`);
  return words.slice(1);
}

function noBody(file: string, body: readonly Line[]): void {
  if (body.length > 0) throw new SlotestError(file, body[0].number, 'the command above takes no further lines');
}

function splitTrailingGroup(text: string): { group: string; rest: string } {
  const match = /^(.*?)\s*\{([^}]*)\}$/.exec(text);
  return match === null ? { group: '', rest: text } : { group: match[2], rest: match[1] };
}

function definitionOf(file: string, body: readonly Line[]): Partial<Definition> {
  const said = body.map(line => at(file, line, () => settingOf(line.text.split(/\s+/))));
  return Object.assign({}, ...said);
}

function settingOf(words: readonly string[]): Partial<Definition> {
  switch (words[0]) {
    case 'objective':
      return { targetPpm: percentOf(expectForm(words, 'objective PERCENT')[0]) };
    case 'window':
      return { window: windowOf(words) };
    case 'method':
      return methodOf(words);
    case 'unknown': {
      const [policy] = expectForm(words, 'unknown POLICY');
      if (!['excluded', 'bad', 'good'].includes(policy)) throw new Error(`"${policy}" is not excluded, bad or good`);
      return { unknown: policy as UnknownPolicy };
    }
    default:
      throw new Error(`"${words[0]}" is not objective, window, method or unknown`);
  }
}

function windowOf(words: readonly string[]): SloWindow {
  if (words[1] === 'rolling')
    return { kind: 'rolling', minutes: durationOf(expectForm(words, 'window rolling LENGTH')[1]) };
  const [, count, unit, , start, timeZone] = expectForm(words, 'window calendar COUNT UNIT from LOCAL ZONE');
  if (!['day', 'week', 'month', 'quarter', 'year'].includes(unit))
    throw new Error(`"${unit}" is no unit of the calendar`);
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(start)) throw new Error(`"${start}" is no local time`);
  return { kind: 'calendar', count: countOf(count), unit: unit as CalendarUnit, start, timeZone };
}

function methodOf(words: readonly string[]): Partial<Definition> {
  switch (words[1]) {
    case 'Occurrences':
      return { budgetingMethod: 'Occurrences', slices: null };
    case 'Timeslices': {
      const [, minutes, , target] = expectForm(words, 'method Timeslices LENGTH at PERCENT');
      return { budgetingMethod: 'Timeslices', slices: { minutes: durationOf(minutes), targetPpm: percentOf(target) } };
    }
    case 'RatioTimeslices': {
      const [, minutes] = expectForm(words, 'method RatioTimeslices LENGTH');
      return { budgetingMethod: 'RatioTimeslices', slices: { minutes: durationOf(minutes), targetPpm: 0 } };
    }
    default:
      throw new Error(`"${words[1]}" is not Occurrences, Timeslices or RatioTimeslices`);
  }
}

/** `alert NAME FACTOR over LONG/SHORT [gte] [for 5m] [min 100]` */
function conditionOf(words: readonly string[]): BurnCondition {
  const [name, factor, , windows] = expectForm(words.slice(0, 5), 'alert NAME FACTOR over LONG/SHORT');
  const [long, short] = windows.split('/');
  const options = [...words.slice(5)];
  const condition = {
    name,
    severity: 'page',
    factorPerMille: factorOf(factor),
    op: 'gt' as BurnCondition['op'],
    longMinutes: durationOf(long),
    shortMinutes: durationOf(short ?? ''),
    pendingMinutes: 0,
    minimumEvents: 0,
  };
  while (options.length > 0) {
    const option = options.shift();
    if (option === 'gte') condition.op = 'gte';
    else if (option === 'for') condition.pendingMinutes = durationOf(options.shift() ?? '');
    else if (option === 'min') condition.minimumEvents = countOf(options.shift() ?? '');
    else throw new Error(`"${option}" is not gte, for or min`);
  }
  return condition;
}

/** `{New York} good 100x60 bad 1x30 _x30` */
function seriesOf(text: string): LoadedSeries[] {
  const { group, rest } = splitGroup(text);
  const series: { group: string; verdict: Verdict; values: (number | null)[] }[] = [];
  for (const word of rest.split(/\s+/)) {
    if (word === 'good' || word === 'bad' || word === 'unknown') series.push({ group, verdict: word, values: [] });
    else if (series.length === 0) throw new Error(`"${word}" is not good, bad or unknown`);
    else series[series.length - 1].values.push(...valuesOf(word));
  }
  return series;
}
