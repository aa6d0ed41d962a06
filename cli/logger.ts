import { type Logger, pino } from 'pino';

/** JSON lines on standard error: standard output belongs to the answers of commands. */
export function createLogger(level: string): Logger {
  return pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }));
}
