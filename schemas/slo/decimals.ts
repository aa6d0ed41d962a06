/**
 * Decimals as they were written, without floating point. A number of a document is a JavaScript number; its shortest text
 * is what was written, as long as that has no more digits than a double keeps (`isExact`, checked where it is read).
 */

const DECIMAL = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i;

/** Beyond this, zeros written out would fill the memory; no number of a document is near it. */
const MAX_EXPONENT = 400;

interface Decimal {
  readonly isNegative: boolean;
  /** Without leading zeros; '' for 0. */
  readonly digits: string;
  /** The value is digits × 10^exponent. */
  readonly exponent: number;
}

function decimalOf(text: string): Decimal | undefined {
  const match = DECIMAL.exec(text);
  if (match === null || match[2] + match[3] === '') return undefined;
  const [, sign, whole, fraction, exponent = '0'] = match;
  const all = whole + fraction;
  const trimmed = all.replace(/0+$/, '');
  const digits = trimmed.replace(/^0+/, '');
  if (digits === '') return { isNegative: false, digits: '', exponent: 0 };
  return {
    isNegative: sign === '-',
    digits,
    exponent: Number(exponent) - fraction.length + all.length - trimmed.length,
  };
}

/** Whether a double holds the decimal that was written; true for what is no decimal (0x1F). */
export function isExact(value: number, written: string): boolean {
  const [was, is] = [decimalOf(written), decimalOf(String(value))];
  if (was === undefined || is === undefined) return true;
  return was.isNegative === is.isNegative && was.digits === is.digits && was.exponent === is.exponent;
}

/** `value` × 10^`digits`, or undefined if that is not whole. */
export function scaled(value: number, digits: number): bigint | undefined {
  const decimal = decimalOf(String(value));
  if (decimal === undefined) return undefined;
  if (decimal.digits === '') return 0n;
  const shift = decimal.exponent + digits;
  if (shift < 0 || shift > MAX_EXPONENT) return undefined;
  const whole = BigInt(decimal.digits + '0'.repeat(shift));
  return decimal.isNegative ? -whole : whole;
}

/** The decimal that `scaled` took apart: 99_500n of 3 digits is `99.5`. */
export function unscaled(whole: bigint, digits: number): string {
  const text = whole.toString().padStart(digits + 1, '0');
  const point = text.length - digits;
  return `${text.slice(0, point)}.${text.slice(point)}`.replace(/\.?0+$/, '');
}
