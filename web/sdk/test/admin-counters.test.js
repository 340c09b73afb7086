// What the dashboard makes of the hub's counters.
import assert from "node:assert/strict";
import { test } from "node:test";
import { grown, merged, quantile, remembered, sample, steps, sum, together } from "../../ui/admin/model/counters.js";

const T0 = Date.parse("2026-11-22T10:00:00Z");

/** @param {string} id @param {number} second of its beat @param {Partial<import("../../ui/admin/model/counters.js").Instance>} [counts] */
function instance(id, second, counts) {
  return {
    id, version: "v1", started_at: new Date(T0 - 60_000).toISOString(), beat_at: new Date(T0 + 1000 * second).toISOString(),
    connections: 0, sessions: 0, admitted: 0, forced: 0, told: 0, acked: 0, ...counts,
  };
}

test("a gain is what came since, of each instance by itself", () => {
  const before = [instance("a", 0, { admitted: 100, forced: 5 }), instance("b", 1, { admitted: 1000 })];
  const cases = /** @type {[string, import("../../ui/admin/model/counters.js").Instance[], number | undefined][]} */ ([
    ["both go on", [instance("a", 3, { admitted: 103 }), instance("b", 4, { admitted: 1004 })], 7],
    ["one has gone", [instance("a", 3, { admitted: 103 })], 3],
    ["one has begun anew", [instance("a", 3, { admitted: 103 }),
      instance("b", 4, { admitted: 2, started_at: new Date(T0 + 2000).toISOString() })], 5],
    ["one is there again that is older", [instance("a", 3, { admitted: 103 }), instance("b", 4, { admitted: 1000 }),
      instance("c", 4, { admitted: 50_000 })], 3],
    ["a counter went down without a word", [instance("a", 3, { admitted: 1 })], undefined],
    ["none has been heard for long", [instance("a", 30, { admitted: 400 })], undefined],
  ]);
  for (const [name, after, want] of cases) {
    // What had not changed of forced is a loss of 5 here, unless it is said again.
    for (const i of after) if (i.id === "a") i.forced = name.startsWith("a counter") ? 0 : 5;
    assert.equal(sample(after, before).gain?.logins, want, name);
  }
  assert.equal(sample(before, []).gain, null);
  assert.equal(sample(before, []).at, T0 + 1000);
});

test("a sample has the sums of what is open", () => {
  const all = [instance("a", 0, { connections: 3, sessions: 2 }), instance("b", 2, { connections: 4, sessions: 4 })];
  const { at, connections, sessions } = sample(all, []);
  assert.deepEqual([at, connections, sessions], [T0 + 2000, 7, 6]);
  assert.equal(together(all).instances, 2);
  assert.equal(together([]).connections, 0);
});

test("what the hub remembers is compared only where it can be", () => {
  const point = (/** @type {number} */ second, /** @type {boolean} */ continues, /** @type {number} */ admitted) =>
    ({ ...together([instance("a", second, { admitted })]), continues });
  const points = [point(0, true, 100), point(3, true, 104), point(6, false, 60), point(9, true, 61), point(12, false, 105),
    point(15, true, 90), point(60, true, 99)];
  assert.deepEqual(remembered(points).map(({ gain }) => gain?.logins), [undefined, 4, undefined, 1, undefined, undefined, undefined]);
});

test("latencies are compared bucket by bucket", () => {
  const latency = (/** @type {number[]} */ told) => ({ le: [1, 2, 5], told, acked: [] });
  const before = instance("a", 0, { notice_ms: latency([1, 0, 4, 0]) });
  const after = instance("a", 3, { notice_ms: latency([1, 2, 5, 1]) });
  assert.deepEqual(grown(before, after)?.latency, [0, 2, 1, 1]);
  assert.deepEqual(grown(instance("a", 0), after)?.latency, [1, 2, 5, 1]);
  assert.equal(grown(after, before), null);
});

test("samples are merged by time, and each moment is there once", () => {
  const of = (/** @type {number[]} */ ...times) => times.map((at) => ({ at, connections: 0, sessions: 0, gain: null }));
  assert.deepEqual(merged(of(30, 40), of(10, 20, 30, 35, 50), 10).map(({ at }) => at), [20, 30, 40, 50]);
  assert.deepEqual(merged([], of(2, 1), 0).map(({ at }) => at), [1, 2]);
});

test("steps add up what falls into them", () => {
  const gain = (/** @type {number} */ logins) => ({ logins, forced: 0, told: 1, acked: 0, latency: [logins] });
  const of = (/** @type {number} */ at, /** @type {number | null} */ logins) =>
    ({ at, connections: 0, sessions: 0, gain: logins === null ? null : gain(logins) });
  const found = steps([of(10, 1), of(19, 2), of(20, 4), of(40, null), of(51, 8)], 12, 55, 10);
  assert.deepEqual(found.map(({ at, gain }) => [at, gain?.logins]), [[10, 3], [20, 4], [30, undefined], [40, undefined], [50, 8]]);
  assert.deepEqual(sum([]).latency, []);
});

test("quantiles are as exact as the buckets", () => {
  const bounds = [1, 2, 5, 10];
  const cases = /** @type {[number[], number, number | null][]} */ ([
    [[], 0.5, null],
    [[0, 0, 0, 0, 0], 0.99, null],
    [[10, 0, 0, 0, 0], 0.5, 0.5],
    [[10, 0, 0, 0, 0], 1, 1],
    [[0, 0, 10, 0, 0], 0.5, 3.5],
    [[5, 5, 0, 0, 0], 0.99, 1.98],
    [[0, 0, 0, 0, 3], 0.5, 10],
    [[99, 0, 0, 0, 1], 0.99, 1],
  ]);
  for (const [counts, share, want] of cases) assert.equal(quantile(counts, share, bounds), want, `${counts} at ${share}`);
});
