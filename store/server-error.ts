/** What a server answered in place of a result. */

/** An exception of ClickHouse. */
export class ServerError extends Error {
  override readonly name = 'ServerError';
  /** ClickHouse's own: 60. */
  readonly code: number;
  /** Its name: UNKNOWN_TABLE. */
  readonly type: string | undefined;

  constructor(message: string, code: number, type: string | undefined) {
    super(message);
    this.code = code;
    this.type = type;
  }
}

const CODE = /\bCode: (\d+)/;
const MARK = 'DB::Exception: ';
/** `(version 24.8.1 (official build))` is no name. */
const TYPE = /\((?=[A-Z0-9_]*[A-Z]{3})([A-Z0-9_]+)\)/;
const SHOWN_CHARACTERS = 300;

/** A ServerError, or an Error where ClickHouse did not say this: a proxy's page. */
export function serverError(status: number, text: string): Error {
  const code = CODE.exec(text)?.[1];
  if (code === undefined) return new Error(`HTTP status ${status}: ${text.slice(0, SHOWN_CHARACTERS).trim()}`);
  // On a cluster an exception holds that of another server: the innermost tells what happened.
  const at = text.lastIndexOf(MARK);
  const message = at < 0 ? text : text.slice(at + MARK.length);
  const type = TYPE.exec(message);
  return new ServerError((type === null ? message : message.slice(0, type.index)).trim(), Number(code), type?.[1]);
}
