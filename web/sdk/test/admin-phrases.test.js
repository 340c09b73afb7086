// The words of the dashboard.
import assert from "node:assert/strict";
import { test } from "node:test";
import { ALL_REASONS, bytes, counted, duration, happened, limitWords, receiptWords } from "../../ui/admin/view/phrases.js";

test("lengths of time are brief", () => {
  const cases = /** @type {[number, string][]} */ ([
    [0.4, "<1 ms"], [12.4, "12 ms"], [999, "999 ms"], [1400, "1.4 s"], [12_300, "12 s"], [180_000, "3 min"],
    [5 * 3_600_000, "5 h"], [12 * 86_400_000, "12 days"],
  ]);
  for (const [ms, want] of cases) assert.equal(duration(ms), want);
});

test("a receipt says whether the person knows", () => {
  const at = "2026-11-22T10:00:00.000Z";
  const acked = (/** @type {string} */ time) => ({ at, receipt: { acked_at: time } });
  assert.equal(receiptWords(acked("2026-11-22T10:00:00.012Z")), "told 12 ms later, acknowledged");
  assert.equal(receiptWords(acked("2026-11-22T10:00:00.000Z")), "told 1 ms later, acknowledged");
  assert.equal(receiptWords({ ...acked("2026-11-22T10:00:01.000Z"), delivery: "sent" }), "told 1 s later, acknowledged");
  assert.equal(receiptWords({ ...acked("2026-11-22T13:00:00.000Z"), delivery: "offline" }),
    "was not connected, told 3 h later, acknowledged");
  assert.equal(receiptWords({ at, delivery: "sent", receipt: null }), "told, not acknowledged");
  assert.equal(receiptWords({ at, delivery: "offline", receipt: null }), "was not connected");
  assert.equal(receiptWords({ at, receipt: null }), "not acknowledged");
});

test("limits say whose they are, and what happens at them", () => {
  assert.equal(limitWords({ limit: 1, limit_by_kind: {}, policy: "evict", own: {} }),
    "The hub's limit: 1 session. Beyond it, the least recently active one is ended.");
  assert.equal(limitWords({ limit: -1, limit_by_kind: { tv: 1 }, policy: "reject", own: { limit: -1 } }),
    "The user's own limit: any number of sessions, 1 of kind tv. Beyond it, the login is refused.");
});

test("each ending has words and a tone", () => {
  const forced = ALL_REASONS.filter((reason) => happened({ type: "session.ended", reason }).tone === "forced");
  assert.deepEqual(forced, ["superseded", "replaced", "ended_by_user", "ended_by_admin"]);
  assert.equal(new Set(ALL_REASONS.map((reason) => happened({ type: "session.ended", reason }).words)).size, ALL_REASONS.length);
  assert.equal(happened({ type: "something.new" }).words, "something.new");
});

test("numbers are readable", () => {
  assert.equal(counted(1, "event"), "1 event");
  assert.equal(counted(1200, "event"), `${(1200).toLocaleString()} events`);
  assert.deepEqual([2048, 48 << 20, 3 * (1 << 30)].map(bytes), ["2 KB", "48 MB", "3 GB"]);
});
