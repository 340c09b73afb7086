// The arithmetic of charts: scales, ticks and paths, without a page.

/** @typedef {(value: number) => number} Scale from a value to pixels */

/**
 * Maps an interval evenly to another.
 * @param {[number, number]} from
 * @param {[number, number]} to
 * @returns {Scale}
 */
export function linear([a, b], [x, y]) {
  const factor = b === a ? 0 : (y - x) / (b - a);
  return (value) => x + (value - a) * factor;
}

/**
 * Maps an interval so that each factor of ten has the same length. What is below the interval is at its beginning.
 * @param {[number, number]} from above 0
 * @param {[number, number]} to
 * @returns {Scale}
 */
export function logarithmic([a, b], to) {
  const scale = linear([Math.log10(a), Math.log10(b)], to);
  return (value) => scale(Math.log10(Math.max(a, value)));
}

/**
 * Returns round numbers from 0 to the first that is not below the greatest: whole multiples of 1, 2 or 5 and a power
 * of ten. They are whole, as what is counted is.
 * @param {number} greatest
 * @param {number} [most] how many steps at most
 * @returns {number[]} two or more
 */
export function ticks(greatest, most = 4) {
  const raw = Math.max(greatest, 1) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = Math.max(1, [1, 2, 5, 10].map((n) => n * power).find((n) => n >= raw * 0.999_999) ?? raw);
  const count = Math.max(1, Math.ceil(greatest / step - 1e-9));
  return Array.from({ length: count + 1 }, (_, i) => i * step);
}

/**
 * Returns the powers of ten from 1 to the first that is not below the greatest, 100 at least.
 * @param {number} greatest
 * @returns {number[]}
 */
export function powers(greatest) {
  const last = Math.max(2, Math.ceil(Math.log10(Math.max(greatest, 1)) - 1e-9));
  return Array.from({ length: last + 1 }, (_, i) => 10 ** i);
}

/**
 * Returns the moments in an interval of time that are whole multiples of a step, in ms.
 * @param {number} since
 * @param {number} until
 * @param {number} step
 * @returns {number[]}
 */
export function moments(since, until, step) {
  const first = Math.ceil(since / step);
  return Array.from({ length: Math.max(0, Math.floor(until / step) - first + 1) }, (_, i) => (first + i) * step);
}

/** @param {number} n */
const short = (n) => Math.round(n * 10) / 10;

/**
 * Draws a line through points, as the d of an SVG path. It breaks where a value is null; a point alone is a dot, if
 * the line has round ends.
 * @param {number[]} xs
 * @param {(number | null)[]} ys
 * @returns {string}
 */
export function line(xs, ys) {
  let d = "";
  let drawing = false;
  ys.forEach((y, i) => {
    if (y === null) {
      drawing = false;
      return;
    }
    d += `${drawing ? "L" : "M"}${short(xs[i])} ${short(y)}`;
    if (!drawing && (ys[i + 1] ?? null) === null) d += "h0";
    drawing = true;
  });
  return d;
}

/**
 * Draws the area between a line and a base, as a path.
 * @param {number[]} xs
 * @param {(number | null)[]} ys
 * @param {number} base
 * @returns {string}
 */
export function area(xs, ys, base) {
  let d = "";
  for (let i = 0; i < ys.length; i++) {
    if (ys[i] === null) continue;
    const begin = i;
    while ((ys[i + 1] ?? null) !== null) i++;
    d += `M${short(xs[begin])} ${short(base)}`;
    for (let j = begin; j <= i; j++) d += `L${short(xs[j])} ${short(/** @type {number} */ (ys[j]))}`;
    d += `V${short(base)}Z`;
  }
  return d;
}

/**
 * Draws bars of one width from a base, as a path. One of no height is left out.
 * @param {number[]} xs where each begins
 * @param {(number | null)[]} ys
 * @param {number} width
 * @param {number} base
 * @returns {string}
 */
export function bars(xs, ys, width, base) {
  return ys.map((y, i) => {
    if (y === null || y >= base) return "";
    return `M${short(xs[i])} ${short(base)}V${short(y)}h${short(width)}V${short(base)}Z`;
  }).join("");
}

/**
 * Returns the index of the number nearest to another.
 * @param {number[]} sorted
 * @param {number} wanted
 * @returns {number} -1 of none
 */
export function nearest(sorted, wanted) {
  let best = sorted.length - 1;
  for (const [i, n] of sorted.entries()) {
    if (Math.abs(n - wanted) < Math.abs(sorted[best] - wanted)) best = i;
  }
  return best;
}
