// The dashboard's event feed, on a network that the test has in its hand.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed, moment } from "../../../ui/admin/model/feed.js";
import { Link } from "../../../ui/admin/model/link.js";
import { FakeSource, fakePage, settle } from "./hub.js";

/** @param {number} n */
const event = (n) => ({ id: `e${n}`, type: "session.created", at: new Date(n).toISOString(), user: "alice", session: null });

/** @param {import("node:test").TestContext} t @param {import("../../../ui/admin/model/feed.js").Only} [only] */
function open(t, only = {}) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const page = fakePage();
  /** @type {string[]} */ const came = [];
  const feed = new Feed(new Link(), only, (events) => void came.push(...events.map(({ id }) => id).reverse()));
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

/** What a hub has whose log is in parts: a page read forwards is only about in order. @param {URL} url */
function parts({ searchParams: query }) {
  if (query.has("before")) return { events: [event(1), event(2)], from: "beginning", next: "before-e3" };
  if (query.has("last")) return { events: [event(3), event(4)], from: "before-e3", next: "after-e4", earlier: true };
  return { events: [event(1), event(3), event(2), event(4)], next: "after-e4", more: false };
}

test("older events are all that were before, though the log is in parts", async (t) => {
  const { requests, feed, ids } = open(t);
  const answer = () => requests[0].answer(200, parts(new URL(requests[0].path, "https://hub.example")));
  await answer();
  const reading = feed.readOlder();
  await settle();
  await answer();
  await reading;
  assert.equal(ids(), "e4 e3 e2 e1");
  assert.equal(feed.older, false);
});

test("what comes while older events are read is there once", async (t) => {
  const { requests, feed, ids } = open(t);
  await requests[0].answer(200, { events: [event(3)], from: "before-e3", next: "after-e3", earlier: true });
  const reading = feed.readOlder();
  await settle();
  FakeSource.open[0].send(event(4));
  t.mock.timers.tick(100);
  FakeSource.open[0].send(event(5)); // not shown yet
  assert.match(requests[0].path, /last=1000&before=before-e3$/);
  await requests[0].answer(200, { events: [], from: "before-e2", next: "before-e3", earlier: true }); // none in so many
  assert.match(requests[0].path, /before=before-e2$/);
  await requests[0].answer(200, { events: [event(1), event(2)], from: "before-e1", next: "before-e2" });
  await reading;
  t.mock.timers.tick(100);
  assert.equal(ids(), "e5 e4 e3 e2 e1");
});

test("a time that is over is read as a whole, and nothing is awaited", async (t) => {
  const { requests, feed, ids } = open(t, { user: "alice", since: "1970-01-01T00:00:00Z", until: "1970-01-01T09:20:00Z" });
  assert.match(requests[0].path, /user=alice&since=1970-01-01T00%3A00%3A00Z&until=1970-01-01T09%3A20%3A00Z&last=1000$/);
  await requests[0].answer(200, { events: [], from: "before-e3", next: "after-e9", earlier: true });
  assert.equal(feed.state, "loading");
  await requests[0].answer(200, { events: [event(1), event(2)], from: "before-e1", next: "before-e3" });
  assert.equal(ids(), "e2 e1");
  assert.equal(feed.state, "past");
  assert.equal(FakeSource.open.length, 0);
});

test("a time without an end goes on", async (t) => {
  const { requests, ids } = open(t, { since: "1970-01-01T00:00:00.001Z" });
  await requests[0].answer(200, { events: [event(1)], from: "before-e1", next: "after-e1" });
  assert.equal(FakeSource.open[0].url, "/v1/admin/events/stream?after=after-e1");
  FakeSource.open[0].send(event(0));
  FakeSource.open[0].send(event(2));
  t.mock.timers.tick(100);
  assert.equal(ids(), "e2 e1");
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

test("a hub that does not say where its events begin is not asked for older ones", async (t) => {
  const { requests, feed } = open(t);
  await requests[0].answer(200, { events: [event(1)], next: "after-e1", earlier: true });
  assert.equal(feed.older, false);
  await feed.readOlder();
  assert.equal(requests.length, 0);
});

test("a time that comes twice begins with the first and ends with the last", () => {
  process.env.TZ = "Europe/Berlin";
  for (const [local, first, last] of [
    ["2026-11-22T09:10", "2026-11-22T08:10", "2026-11-22T08:10"],
    ["2026-10-25T01:59", "2026-10-24T23:59", "2026-10-24T23:59"],
    ["2026-10-25T02:00", "2026-10-25T00:00", "2026-10-25T01:00"], // at three the clocks go back to two
    ["2026-10-25T02:59", "2026-10-25T00:59", "2026-10-25T01:59"],
    ["2026-10-25T03:00", "2026-10-25T02:00", "2026-10-25T02:00"],
    ["2026-03-29T01:59", "2026-03-29T00:59", "2026-03-29T00:59"],
    ["2026-03-29T02:30", "2026-03-29T01:30", "2026-03-29T01:30"], // at two they go on to three
    ["2026-03-29T03:30", "2026-03-29T01:30", "2026-03-29T01:30"],
  ]) {
    assert.equal(moment(local), `${first}:00.000Z`, local);
    assert.equal(moment(local, true), `${last}:00.000Z`, local);
  }
  process.env.TZ = "Australia/Lord_Howe"; // by half an hour
  assert.equal(moment("2026-04-05T01:45"), "2026-04-04T14:45:00.000Z");
  assert.equal(moment("2026-04-05T01:45", true), "2026-04-04T15:15:00.000Z");
  assert.equal(moment(""), "");
});
