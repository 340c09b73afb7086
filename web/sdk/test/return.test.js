// How clients come back: after a restart of the hub, a sleep, a time without network.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../sessionhub.js";
import { World, chance, notes, revoked, settle, token } from "./world.js";

const url = "https://hub.example";

/** @param {World} world @param {object} [more] */
const start = (world, more) => connect({ url, token: token(), platform: world.platform(), ...more });

/** Counts how many of the times are in the fullest second. @param {number[]} times */
function fullestSecond(times) {
  /** @type {Record<number, number>} */ const seconds = {};
  for (const at of times) seconds[Math.floor(at / 1000)] = (seconds[Math.floor(at / 1000)] ?? 0) + 1;
  return Math.max(...Object.values(seconds));
}

test("200 clients of a hub that drains over 20 s come back as it has spread them", async () => {
  const world = new World();
  const drawn = chance(42);
  const hubs = Array.from({ length: 200 }, () => start(world));
  const before = [...world.sockets];
  for (const socket of before) socket.welcome();
  await world.pass(60_000);
  world.onSocket = (socket) => void queueMicrotask(() => socket.welcome({ instance: "another" }));
  const from = world.now;
  const leaveAt = before.map((socket) => {
    const after_ms = Math.floor(drawn() * 20_000);
    socket.say({ type: "reconnect", after_ms });
    return after_ms;
  });
  // The hub closes each when its time has come, as it does.
  for (let ms = 0; ms <= 20_000; ms += 100) {
    before.forEach((socket, i) => leaveAt[i] <= ms && socket.readyState === 1 && socket.cut(1012, "going away"));
    await world.pass(100);
  }
  await world.pass(2000);
  const back = world.sockets.slice(200).map((socket) => socket.at - from);
  assert.equal(back.length, 200, "each came back, once");
  assert(hubs.every((hub) => hub.state.name === "live"));
  assert(Math.min(...back) >= 0 && Math.max(...back) < 22_200);
  // Evenly spread, a second would have 10 of them; 200 at random leave none with more than twice that and a bit.
  assert(fullestSecond(back) <= 24, `${fullestSecond(back)} in one second`);
  hubs.forEach((hub) => hub.close());
  assert.equal(world.timers, 0);
});

test("200 clients of a hub that is killed, and away for a minute, find it again without a storm", async () => {
  const world = new World();
  const hubs = Array.from({ length: 200 }, () => start(world));
  for (const socket of world.sockets) socket.welcome();
  await world.pass(60_000);
  const from = world.now;
  world.onSocket = (socket) => void queueMicrotask(() => (world.now - from < 60_000 ? socket.cut() : socket.welcome()));
  for (const socket of [...world.sockets]) socket.cut();
  await world.pass(59_999);
  const tries = world.sockets.slice(200).map((socket) => socket.at - from);
  const welcomedFrom = world.sockets.length;
  await world.pass(31_000);
  const back = world.sockets.slice(welcomedFrom).map((socket) => socket.at - from);
  assert.equal(back.length, 200);
  assert(hubs.every((hub) => hub.state.name === "live"));
  assert(fullestSecond(tries.filter((at) => at < 2000)) < 160, "the first attempts take two seconds");
  assert(fullestSecond(tries.filter((at) => at > 30_000)) < 40, "later ones are far apart");
  assert(tries.length < 200 * 10, `${tries.length} attempts in vain`);
  assert(fullestSecond(back) < 30, `${fullestSecond(back)} in one second`);
  hubs.forEach((hub) => hub.close());
});

test("a client waits for as long as the hub has asked, counted from its message", async () => {
  const world = new World();
  world.random = () => 0.5;
  const hub = start(world);
  world.socket.welcome();
  world.socket.say({ type: "reconnect", after_ms: 5000 });
  await world.pass(1000);
  world.socket.cut(1013, "overloaded");
  assert.equal(hub.state.retryInMs, 4000 + 1000);
  hub.wake(true);
  assert.equal(world.sockets.length, 1, "not even a new network makes it come early");
  await world.pass(4500);
  hub.wake();
  assert.equal(world.sockets.length, 2, "after that it may");
  hub.close();
});

test("it tries at once when the network is back", async () => {
  const world = new World();
  world.random = () => 0.9;
  const tab = world.tab();
  const hub = start(world, { platform: tab, shared: false });
  world.socket.welcome();
  world.socket.cut();
  await world.pass(10_000);
  const before = world.sockets.length;
  world.socket.cut();
  tab.target.dispatch("online");
  assert.equal(world.sockets.length, before + 1);
  assert.equal(world.socket.at, world.now);
  world.socket.welcome();
  tab.target.dispatch("online"); // another network: the socket of the one before is of no use
  assert.equal(world.sockets[before].closedWith, 1000);
  assert.equal(world.sockets.length, before + 2);
  hub.close();
});

test("the laptop that sleeps: its socket is replaced when it wakes", async () => {
  for (const wakes of ["timer", "page", "call"]) {
    const world = new World();
    const tab = world.tab();
    const hub = start(world, { platform: tab, shared: false });
    world.socket.welcome();
    await world.pass(300_000);
    assert.equal(world.sockets.length, 1);
    world.sleep(8 * 3_600_000);
    if (wakes === "page") tab.document.dispatch("visibilitychange");
    if (wakes === "call") hub.wake();
    if (wakes === "timer") await world.pass(0);
    assert.equal(world.sockets.length, 2, wakes);
    assert.equal(world.sockets[0].closedWith, 1000);
    world.sockets[0].cut(1006); // the system finds out long after
    assert.equal(hub.state.name, "connecting");
    world.socket.say(revoked({ reason: "idle" }));
    assert.equal(hub.state.code, 4002);
    await settle();
    hub.close();
  }
});

test("a browser that slows the timers of a hidden tab to one a minute is not taken for asleep", async () => {
  const world = new World();
  const hub = start(world);
  world.socket.welcome();
  for (let i = 0; i < 30; i++) {
    world.sleep(60_000);
    await world.pass(0);
  }
  assert.equal(world.sockets.length, 1);
  hub.close();
});

test("a page that is shown again with a sound socket leaves it", async () => {
  const world = new World();
  const tab = world.tab();
  const hub = start(world, { platform: tab, shared: false });
  world.socket.welcome();
  await world.pass(45_000);
  tab.document.dispatch("visibilitychange");
  assert.equal(world.sockets.length, 1);
  world.sleep(100_000);
  tab.document.hidden = true;
  tab.document.dispatch("visibilitychange");
  assert.equal(world.sockets.length, 1, "nobody looks at it");
  hub.close();
});

test("a token that was revoked while the client was offline", async () => {
  const world = new World();
  const hub = start(world);
  const heard = notes(hub);
  world.socket.welcome();
  world.socket.cut();
  world.onSocket = (socket) => void queueMicrotask(() => socket.cut());
  await world.pass(600_000);
  assert.equal(hub.state.name, "waiting");
  world.onSocket = () => {};
  world.random = () => 0.999;
  hub.wake(true);
  world.socket.cut();
  await settle();
  assert(Number(hub.state.retryInMs) < 2000, "a network that is back begins anew");
  hub.wake(true);
  world.socket.readyState = 1; // the hub takes the handshake, to say why
  world.socket.say(revoked({ reason: "ended_by_user" }));
  await settle();
  world.socket.cut(4001, "ended_by_user");
  assert.deepEqual(world.socket.sent, [{ type: "ack", id: "s1" }]);
  assert.equal(heard.filter(([type]) => type === "revoked").length, 1);
  assert.equal(hub.state.notice?.reason, "ended_by_user");
  const count = world.sockets.length;
  await world.pass(3_600_000);
  assert.equal(world.sockets.length, count);
  assert.equal(world.timers, 0);
});

test("a page that is left and shown again from the browser's cache", async () => {
  const world = new World();
  const tab = world.tab();
  const hub = start(world, { platform: tab, shared: false });
  world.socket.welcome();
  tab.target.dispatch("pageshow"); // of the first load
  assert.equal(world.sockets.length, 1);
  tab.target.dispatch("pagehide");
  assert.equal(world.open.length, 0);
  await world.pass(600_000);
  assert.equal(world.sockets.length, 1, "it rests meanwhile");
  tab.target.dispatch("pageshow");
  assert.equal(world.sockets.length, 2);
  world.socket.welcome();
  assert.equal(hub.state.name, "live");
  hub.close();
  tab.target.dispatch("pageshow");
  assert.equal(world.open.length, 0);
});
