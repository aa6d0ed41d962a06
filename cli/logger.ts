import { type Logger, pino } from 'pino';
import { readable } from './log-text.js';

/** On standard error, since standard output belongs to the answers of commands: JSON lines, on a terminal readable ones. */
export function createLogger(level: string): Logger {
  const stderr = pino.destination({ fd: 2, sync: true });
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  if (process.stderr.isTTY !== true) return pino(options, stderr);
  return pino(options, { write: line => stderr.write(readable(line)) });
}
