// What the dashboard shows of the hub's counters goes by the hub's clock.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "../../../ui/admin/model/link.js";
import { Metrics } from "../../../ui/admin/model/metrics.js";
import { fakePage } from "./hub.js";

test("the time is the hub's from its first answer on", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const { requests } = fakePage();
  const metrics = new Metrics(new Link(), () => {});
  t.after(() => metrics.close());
  const at = new Date(500_000_000).toISOString();
  const counters = { connections: 1, sessions: 1, admitted: 3, told: 0, acked: 0 };
  await requests[0].answer(200, { points: [{ ...counters, at, instances: 1 }] });
  // The hub has not beaten since the last that it remembers.
  await requests[0].answer(200, { instances: [{ ...counters, id: "one", started_at: at, beat_at: at }] });
  t.mock.timers.tick(1000);
  assert.equal(metrics.now, 500_001_000);
  // Its store is away: it says the same again, and the time goes on.
  t.mock.timers.tick(8000);
  await requests[0].answer(200, { instances: [{ ...counters, id: "one", started_at: at, beat_at: at }] });
  assert.equal(metrics.now, 500_009_000);
});
