/** What of a span is kept at most (checklist 23, 24), and the note that something was not. */

export interface SpanLimits {
  /** Attributes of one span, resource, event or link; the rest is dropped. */
  readonly maxAttributes: number;
  /** Bytes of an attribute's key; the rest is cut off. */
  readonly maxKeyBytes: number;
  /** Bytes of one attribute's text, and of a span's name, status message and trace state; the rest is cut off. */
  readonly maxValueBytes: number;
  /** Levels of AnyValue: an attribute's own value is level 1, what is in an array there level 2. */
  readonly maxNesting: number;
  /** Events and links of one span, each; the rest is dropped. */
  readonly maxEvents: number;
  /**
   * Bytes that one record may take as text in columns. Every span repeats the attributes of its resource, so a few
   * megabytes from a hostile sender could become terabytes: such a record is refused as a whole.
   */
  readonly maxRecordTextBytes: number;
}

/** Far above what SDKs send (OpenTelemetry's stop at 128 attributes and 128 events). */
export const DEFAULT_SPAN_LIMITS: SpanLimits = {
  maxAttributes: 1024,
  maxKeyBytes: 1024,
  maxValueBytes: 64 * 1024,
  maxNesting: 32,
  maxEvents: 1024,
  maxRecordTextBytes: 512 * 1024 * 1024,
};

/** Stands for a value that is nested too deeply. */
export const NESTING_MARKER = '…(nesting limit)';

/** Collects, for one span or resource, what could not be taken as it was sent. */
export class ReadNotes {
  /** SpanFlag bits. */
  flags = 0;
  /** Attributes dropped or cut. */
  cutAttributes = 0;

  reset(): void {
    this.flags = 0;
    this.cutAttributes = 0;
  }
}
