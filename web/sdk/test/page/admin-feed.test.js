// The dashboard's event feed, on a network that the test has in its hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed } from "../../../ui/admin/model/feed.js";
import { Link } from "../../../ui/admin/model/link.js";
import { FakeSource, fakePage, settle } from "./hub.js";

/** @param {number} n */
const event = (n) => ({ id: `e${n}`, type: "session.created", at: new Date(n).toISOString(), user: "alice", session: null });

/** @param {import("node:test").TestContext} t */
function open(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const page = fakePage();
  /** @type {string[]} */ const came = [];
  const feed = new Feed(new Link(), {}, (events) => void came.push(...events.map(({ id }) => id).reverse()));
  t.after(() => feed.close());
  return { ...page, came, feed, ids: () => feed.events.map(({ id }) => id).join(" ") };
}

test("a feed has what was last and what comes, each once", async (t) => {
  const { requests, came, feed, ids } = open(t);
  await requests[0].answer(200, { events: [event(1), event(2)], next: "after-e2" });
  assert.match(FakeSource.open[0].url, /after=after-e2$/);
  FakeSource.open[0].onopen?.();
  FakeSource.open[0].send(event(3));
  FakeSource.open[0].send(event(2)); // a store that has lost its place gives again what it has given
  t.mock.timers.tick(100);
  assert.equal(ids(), "e3 e2 e1");
  assert.deepEqual(came, ["e1", "e2", "e3"]);
  assert.equal(feed.state, "live");
});

test("what comes while older events are read is there once", async (t) => {
  const { requests, feed, ids } = open(t);
  await requests[0].answer(200, { events: [], next: "after-e2", earlier: true });
  const reading = feed.readOlder(() => {});
  await settle();
  FakeSource.open[0].send(event(3));
  t.mock.timers.tick(100);
  FakeSource.open[0].send(event(4)); // not shown yet
  await requests[0].answer(200, { events: [event(1), event(3), event(4)], next: "after-e4", more: false });
  await reading;
  t.mock.timers.tick(100);
  assert.deepEqual(ids().split(" ").sort(), ["e1", "e3", "e4"]);
});

test("a page that nobody sees holds no stream, and misses nothing", async (t) => {
  const { document, requests, ids } = open(t);
  await requests[0].answer(200, { events: [event(1)], next: "after-e1" });
  FakeSource.open[0].onopen?.();
  document.look(true);
  assert.equal(FakeSource.open.length, 0);
  document.look(false);
  document.look(true);
  document.look(false); // twice, before the hub answers
  assert.equal(requests.length, 1);
  assert.match(requests[0].path, /after=after-e1/);
  await requests[0].answer(200, { events: [event(2)], next: "after-e2", more: false });
  assert.equal(ids(), "e2 e1");
  assert.deepEqual(FakeSource.open.map(({ url }) => /after=(.*)$/.exec(url)?.[1]), ["after-e2"]);
});
