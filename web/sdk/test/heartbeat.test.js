// Where WebSockets are blocked and HTTP is not.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../sessionhub.js";
import { World, notes, revoked, session, settle, token } from "./world.js";

const url = "https://hub.example";
const live = { body: { state: "live", session: session(), next_ms: 60_000 } };

/** A world in which sockets are blocked, and a client in it. @param {any} [answer] */
function blocked(answer = live) {
  const world = new World();
  world.onSocket = (socket) => void queueMicrotask(() => socket.cut());
  world.answer = () => answer;
  const hub = connect({ url, token: token(), platform: world.platform() });
  return { world, hub, heard: notes(hub) };
}

test("after three sockets in vain it asks over HTTP, and says so", async () => {
  const { world, hub, heard } = blocked();
  await world.pass(6001);
  assert.equal(world.sockets.length, 3);
  assert.deepEqual(world.requests.map((r) => [r.method, r.url, r.body]), [
    ["POST", `${url}/v1/session/heartbeat`, { active: false }],
  ]);
  assert.deepEqual(hub.state, { name: "live", via: "heartbeat", shared: false, code: 1006, reason: "" });
  assert.deepEqual(heard.slice(-2).map(([type]) => type), ["welcome", "live"]);
  assert.equal(hub.session?.user, "alice");
  const told = heard.length;
  await world.pass(300_000);
  assert.equal(world.requests.length, 6, "as often as the hub says");
  assert.equal(heard.length, told, "and no more is said of it");
  hub.close();
  assert.equal(world.timers, 0);
});

test("the user's activity goes with the next heartbeat", async () => {
  const { world, hub } = blocked();
  await world.pass(6001);
  hub.activity();
  await world.pass(120_000);
  assert.deepEqual(world.requests.map((r) => r.body.active), [false, true, false]);
  hub.close();
});

test("of a session that is about to run out it is told, and activity keeps it", async () => {
  const { world, hub, heard } = blocked();
  await world.pass(6001);
  const expiring = () => ({ type: "session.expiring", at: "2026-01-02T03:04:05.000Z", in_ms: 50_000 });
  const told = () => heard.map(([type]) => type).filter((type) => type === "expiring" || type === "renewed");
  const warn = () => ({ body: { ...live.body, next_ms: 20_000, expiring: expiring() } });
  world.answer = warn;
  await world.pass(60_000);
  assert.deepEqual(told(), ["expiring"]);
  assert.deepEqual(hub.warning, { ...expiring(), until: hub.warning?.until });
  assert(Math.abs((hub.warning?.until ?? 0) - world.now - 50_000) < 6001);
  await world.pass(20_000);
  assert.deepEqual(told(), ["expiring"], "once");
  world.answer = ({ body }) => (body.active ? live : warn());
  const asked = world.requests.length;
  hub.activity();
  await settle();
  assert.deepEqual(world.requests.slice(asked).map((r) => r.body.active), [true], "at once");
  assert.deepEqual(told(), ["expiring", "renewed"]);
  assert.equal(hub.warning, undefined);

  // Another device's activity, or another connection's, is heard of with the next heartbeat.
  await world.pass(60_000);
  assert.deepEqual(told(), ["expiring", "renewed", "expiring"]);
  world.answer = () => live;
  await world.pass(20_000);
  assert.deepEqual(told().at(-1), "renewed");
  assert.equal(heard.at(-1)[1].idle_expires_at, session().idle_expires_at);
  hub.close();
  assert.equal(world.timers, 0);
});

test("activity in the last seconds does not wait for a socket that hangs", async () => {
  const { world, hub } = blocked();
  await world.pass(6001);
  world.answer = ({ body }) => ({ body: { ...live.body, expiring: body.active ? undefined :
    { type: "session.expiring", at: "2026-01-02T03:04:05.000Z", in_ms: 50_000 } } });
  await world.pass(60_000);
  world.onSocket = () => {}; // neither opened nor refused
  hub.wake(); // as the notice does first
  hub.activity();
  await settle();
  assert.equal(world.requests.at(-1).body.active, true);
  assert.equal(world.open.length, 0, "the attempt is given up");
  assert.equal(hub.warning, undefined);
  assert.equal(hub.state.name, "live");
  hub.close();
  assert.equal(world.timers, 0);
});

test("a session that was warned by socket is warned again without one", async () => {
  const { world, hub, heard } = blocked({ body: { ...live.body, expiring:
    { type: "session.expiring", at: "2026-01-02T03:04:05.000Z", in_ms: 50_000 } } });
  await world.pass(6001);
  assert.deepEqual(heard.slice(-3).map(([type]) => type), ["welcome", "live", "expiring"]);
  world.onSocket = (socket) => void queueMicrotask(() => socket.welcome());
  await world.pass(60_000);
  assert.deepEqual(heard.slice(-2).map(([type]) => type), ["welcome", "live"]);
  assert.equal(hub.warning, undefined);
  hub.close();
});

test("it goes back to a socket as soon as one does", async () => {
  const { world, hub, heard } = blocked();
  await world.pass(6001);
  world.onSocket = (socket) => void queueMicrotask(() => socket.welcome());
  await world.pass(60_000);
  assert.deepEqual(hub.state, { name: "live", via: "socket", shared: false });
  assert.deepEqual(heard.slice(-2).map(([type]) => type), ["welcome", "live"]);
  const asked = world.requests.length;
  await world.pass(600_000);
  assert.equal(world.requests.length, asked);
  hub.close();
});

test("an ended session is told with its reason, and never asked for again", async () => {
  for (const [answer, reason, code] of [
    [{ body: { ...revoked(), type: undefined, state: "ended", forced_exit: true } }, "superseded", 4001],
    [{ body: { state: "ended", forced_exit: false, reason: "idle", message: "For want of activity." } }, "idle", 4002],
    [{ status: 401, body: { type: "about:blank", reason: "unknown", message: "Not known." } }, "unknown", 4004],
  ]) {
    const { world, hub, heard } = blocked();
    await world.pass(6001);
    world.answer = () => answer;
    await world.pass(60_000);
    assert.equal(hub.state.name, "ended");
    assert.equal(hub.state.via, "heartbeat");
    assert.equal(hub.state.code, code);
    assert.equal(hub.state.notice?.type, "session.revoked");
    assert.deepEqual(heard.filter(([type]) => type === "revoked").map(([, notice]) => notice.reason), [reason]);
    const asked = world.requests.length;
    await world.pass(3_600_000);
    assert.equal(world.requests.length, asked);
    assert.equal(world.timers, 0);
  }
});

test("where nothing gets through, it goes on trying", async () => {
  for (const answer of [null, { status: 200, body: "<html>" }, { status: 500, body: { title: "Oh." } }]) {
    const { world, hub } = blocked(answer);
    await world.pass(60_000);
    assert.equal(hub.state.name, "waiting");
    assert(world.sockets.length > 5 && world.requests.length === world.sockets.length - 2);
    hub.close();
    assert.equal(world.timers, 0);
  }
});

test("a hub without its store is left alone for as long as it asks", async () => {
  const { world, hub } = blocked({ status: 503, body: {}, headers: { "Retry-After": "40" } });
  await world.pass(6001);
  assert.equal(world.requests.length, 1);
  const { retryInMs = 0 } = hub.state;
  assert(retryInMs >= 40_000 && retryInMs < 70_000, String(retryInMs));
  hub.close();
});

test("a heartbeat that hangs is given up, and its answer comes too late", async () => {
  const { world, hub } = blocked();
  /** @type {(answer: any) => void} */ let answer = () => {};
  world.answer = () => new Promise((resolve) => (answer = resolve));
  world.random = () => 0.5;
  await world.pass(6001);
  assert.equal(world.requests.length, 1);
  assert.equal(hub.state.name, "connecting");
  await world.pass(10_000);
  assert.equal(hub.state.name, "waiting");
  answer({ body: { reason: "idle" } });
  await world.pass(0);
  assert.equal(hub.state.name, "waiting");
  hub.close();
  assert.equal(world.timers, 0);
});

test("a hub that is only restarting is not taken for a network that blocks", async () => {
  const world = new World();
  world.answer = () => live;
  let code = 1012;
  world.onSocket = (socket) => void queueMicrotask(() => socket.cut((code = 2025 - code)));
  const hub = connect({ url, token: token(), platform: world.platform() });
  await world.pass(600_000);
  assert(world.sockets.length > 20);
  assert.equal(world.requests.length, 0);
  hub.close();
});
