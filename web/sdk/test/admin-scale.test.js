// The arithmetic of the dashboard's charts.
import assert from "node:assert/strict";
import { test } from "node:test";
import { area, bars, line, linear, logarithmic, moments, nearest, powers, ticks } from "../../ui/admin/view/scale.js";

test("ticks are few, whole and round, and the last is not below the greatest", () => {
  const cases = /** @type {[number, number[]][]} */ ([
    [0, [0, 1]],
    [1, [0, 1]],
    [3, [0, 1, 2, 3]],
    [5, [0, 2, 4, 6]],
    [10, [0, 5, 10]],
    [104, [0, 50, 100, 150]],
    [1204, [0, 500, 1000, 1500]],
    [200_000, [0, 50_000, 100_000, 150_000, 200_000]],
  ]);
  for (const [greatest, want] of cases) assert.deepEqual(ticks(greatest), want, String(greatest));
  for (let n = 0; n < 5000; n = Math.ceil(n * 1.01) + 1) {
    const found = ticks(n);
    assert.ok(found.length >= 2 && found.length <= 5 && /** @type {number} */ (found.at(-1)) >= n, `${n}: ${found}`);
    assert.ok(found.every(Number.isInteger), `${n}: ${found}`);
  }
});

test("powers of ten begin at 1, go to 100 at least, and cover the greatest", () => {
  assert.deepEqual(powers(0), [1, 10, 100]);
  assert.deepEqual(powers(100), [1, 10, 100]);
  assert.deepEqual(powers(101), [1, 10, 100, 1000]);
  assert.deepEqual(powers(10_000), [1, 10, 100, 1000, 10_000]);
});

test("scales map their ends to the ends", () => {
  const y = linear([0, 50], [100, 0]);
  assert.deepEqual([0, 25, 50].map(y), [100, 50, 0]);
  assert.equal(linear([7, 7], [3, 9])(7), 3, "of no width");
  const log = logarithmic([1, 100], [0, 10]);
  assert.deepEqual([0, 0.2, 1, 10, 100].map(log), [0, 0, 0, 5, 10]);
});

test("moments are the whole multiples in an interval", () => {
  assert.deepEqual(moments(11, 45, 10), [20, 30, 40]);
  assert.deepEqual(moments(10, 40, 10), [10, 20, 30, 40]);
  assert.deepEqual(moments(11, 19, 10), []);
});

test("a line breaks where nothing is known, and shows what is alone", () => {
  assert.equal(line([0, 1, 2], [5, 6, 7]), "M0 5L1 6L2 7");
  assert.equal(line([0, 1, 2, 3], [5, null, 7, 8]), "M0 5h0M2 7L3 8");
  assert.equal(line([0, 1], [null, null]), "");
  assert.equal(line([0], [1.26]), "M0 1.3h0");
});

test("areas and bars stand on their base", () => {
  assert.equal(area([0, 1, 2, 3], [5, 6, null, 8], 10), "M0 10L0 5L1 6V10ZM3 10L3 8V10Z");
  assert.equal(bars([0, 4, 8], [5, null, 10], 3, 10), "M0 10V5h3V10Z", "one of no height is left out");
});

test("the nearest is found", () => {
  assert.equal(nearest([], 5), -1);
  assert.equal(nearest([1, 4, 9], 5), 1);
  assert.equal(nearest([1, 4, 9], -3), 0);
  assert.equal(nearest([1, 4, 9], 100), 2);
});
