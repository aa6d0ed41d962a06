import { type Logger, pino } from 'pino';

export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly [field: string]: unknown;
}

/** A logger whose lines the test looks at. */
export function logInto(lines: LogLine[]): Logger {
  return pino({ level: 'debug' }, { write: text => void lines.push(JSON.parse(text)) });
}
