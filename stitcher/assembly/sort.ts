/**
 * Sorting of indexes by columns: stable, iterative, n log n whatever the input, nothing allocated. Runs of RUN entries
 * are sorted by insertion (spans mostly come nearly in order), then merged.
 */

const RUN = 24;

/** Whether entry `a` sorts after entry `b`. */
function isAfter(a: number, b: number, key0: Float64Array, key1: Float64Array, key2: Float64Array): boolean {
  if (key0[a] !== key0[b]) return key0[a] > key0[b];
  if (key1[a] !== key1[b]) return key1[a] > key1[b];
  return key2[a] > key2[b];
}

/**
 * Sorts `order[from, to)` ascending by (key0, key1, key2) of its entries. `scratch` must be at least `to` long; its
 * content in [from, to) is lost.
 */
export function sortByKeys(
  order: Int32Array,
  scratch: Int32Array,
  from: number,
  to: number,
  key0: Float64Array,
  key1: Float64Array,
  key2: Float64Array,
): void {
  for (let start = from; start < to; start += RUN) {
    sortRun(order, start, Math.min(start + RUN, to), key0, key1, key2);
  }
  let source = order;
  let target = scratch;
  for (let width = RUN; width < to - from; width *= 2) {
    for (let start = from; start < to; start += width * 2) {
      const middle = Math.min(start + width, to);
      merge(source, target, start, middle, Math.min(start + width * 2, to), key0, key1, key2);
    }
    const merged = target;
    target = source;
    source = merged;
  }
  if (source !== order) {
    for (let at = from; at < to; at++) order[at] = source[at];
  }
}

function sortRun(
  order: Int32Array,
  from: number,
  to: number,
  key0: Float64Array,
  key1: Float64Array,
  key2: Float64Array,
): void {
  for (let next = from + 1; next < to; next++) {
    const entry = order[next];
    let at = next;
    while (at > from && isAfter(order[at - 1], entry, key0, key1, key2)) {
      order[at] = order[at - 1];
      at--;
    }
    order[at] = entry;
  }
}

function merge(
  source: Int32Array,
  target: Int32Array,
  from: number,
  middle: number,
  to: number,
  key0: Float64Array,
  key1: Float64Array,
  key2: Float64Array,
): void {
  let left = from;
  let right = middle;
  for (let at = from; at < to; at++) {
    const takeRight = left === middle || (right < to && isAfter(source[left], source[right], key0, key1, key2));
    target[at] = takeRight ? source[right++] : source[left++];
  }
}
