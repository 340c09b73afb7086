// Tabs of one browser, and what their users do in them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { connect, deviceId } from "../sessionhub.js";
import { World, notes, revoked, session, settle, token } from "./world.js";

const url = "https://hub.example";

/** Opens a tab and connects in it. @param {World} world @param {object} [more] */
function open(world, more) {
  const tab = world.tab();
  const hub = connect({ url, token: token(), platform: tab, ...more });
  return { tab, hub, heard: notes(hub) };
}

/** Opens so many tabs whose leader, the first, is live. @param {number} count @param {object} [more] */
async function openTabs(count, more) {
  const world = new World();
  const tabs = [];
  for (let i = 0; i < count; i++) {
    tabs.push(open(world, more));
    await settle();
  }
  world.socket.welcome();
  await settle();
  return { world, tabs };
}

const names = (/** @type {any[]} */ heard) => heard.map(([type]) => type);

test("three tabs share one socket, and all hear", async () => {
  const { world, tabs } = await openTabs(3);
  assert.equal(world.sockets.length, 1);
  for (const [i, { hub, heard }] of tabs.entries()) {
    assert.deepEqual(names(heard).slice(-2), ["welcome", "live"]);
    assert.equal(hub.state.shared, i > 0);
    assert.equal(hub.session?.id, "s1");
  }
  world.socket.say({ type: "message", id: "m1", at: "", data: "all" });
  await settle();
  for (const { heard } of tabs) assert.equal(heard.at(-1)[1].data, "all");
  tabs[2].hub.activity();
  await settle();
  assert.deepEqual(world.socket.sent, [{ type: "activity" }]);
});

test("a tab that comes later knows at once, and the others are not told again", async () => {
  const { world, tabs } = await openTabs(2);
  const told = tabs.map(({ heard }) => heard.length);
  const late = open(world);
  await settle();
  assert.equal(late.hub.state.name, "live");
  assert.deepEqual(names(late.heard), ["welcome", "live"]);
  late.tab.document.dispatch("visibilitychange");
  await world.pass(10_000);
  assert.deepEqual(names(late.heard), ["welcome", "live"]);
  assert.deepEqual(tabs.map(({ heard }) => heard.length), told);
  assert.equal(world.sockets.length, 1);
});

test("a warning counts to the same moment in all tabs, late ones and those that slept among them", async () => {
  const { world, tabs } = await openTabs(2);
  const until = world.now + 60_000;
  world.socket.say({ type: "session.expiring", at: "", in_ms: 60_000 });
  await settle();
  await world.pass(20_000);
  const late = open(world);
  await settle();
  assert.deepEqual(names(late.heard), ["welcome", "live", "expiring"]);
  assert.equal(late.heard.at(-1)[1].in_ms, 40_000);
  for (const { hub, heard } of [...tabs, late]) {
    assert.equal(hub.warning?.until, until);
    assert.equal(heard.filter(([type]) => type === "expiring").length, 1);
  }

  // A message that has waited for a tab which slept is as old as the warning.
  const waited = structuredClone({ message: { ...tabs[0].hub.warning, in_ms: 60_000 }, of: "s1" });
  world.sleep(15_000);
  for (const channel of world.browser.channels) channel.onmessage({ data: waited });
  await settle();
  assert.equal(tabs[1].heard.at(-1)[1].in_ms, 25_000);
  tabs[1].hub.activity();
  await settle();
  assert.deepEqual(world.socket.sent, [{ type: "activity" }]);
  world.socket.say({ type: "session.renewed", idle_expires_at: "" });
  await settle();
  for (const { hub, heard } of [...tabs, late]) {
    assert.equal(hub.warning, undefined);
    assert.equal(heard.at(-1)[0], "renewed");
  }
  assert.equal(names(open(world).heard).includes("expiring"), false);
});

test("when the tab that leads is closed, another takes over", async () => {
  const { world, tabs } = await openTabs(2);
  tabs[0].hub.close();
  await settle();
  assert.equal(world.sockets[0].closedWith, 1000);
  assert.equal(world.sockets.length, 2);
  world.socket.welcome();
  assert.deepEqual(tabs[1].hub.state, { name: "live", via: "socket", shared: false });
  assert.equal(tabs[0].hub.state.name, "closed");
  tabs[1].hub.close();
  assert.equal(world.browser.channels.size, 0);
  assert.equal(world.timers, 0);
});

test("a tab that goes into the browser's cache hands over, and joins again", async () => {
  const { world, tabs } = await openTabs(2);
  tabs[0].tab.target.dispatch("pagehide");
  await settle();
  assert.equal(world.sockets.length, 2);
  world.socket.welcome();
  tabs[0].tab.target.dispatch("pageshow");
  await settle();
  assert.equal(world.open.length, 1);
  assert.deepEqual(tabs[0].hub.state, { name: "live", via: "socket", shared: true });
  world.socket.say({ type: "message", id: "m", at: "", data: 1 });
  await settle();
  assert.equal(tabs[0].heard.at(-1)[1].data, 1);
});

test("a tab that sleeps with the socket loses it to one that is looked at", async () => {
  const { world, tabs } = await openTabs(2);
  tabs[0].tab.asleep = true;
  tabs[1].tab.document.dispatch("visibilitychange");
  await world.pass(1999);
  assert.equal(world.sockets.length, 1);
  await world.pass(1);
  assert.equal(world.sockets.length, 2);
  world.socket.welcome();
  await settle();
  tabs[0].tab.asleep = false;
  assert.equal(world.open.length, 1, "the other has let go");
  world.socket.say({ type: "message", id: "m", at: "", data: 1 });
  await settle();
  assert.equal(tabs[0].heard.at(-1)[1].data, 1);
  tabs[1].hub.close();
  await settle();
  assert.equal(world.sockets.length, 3, "it is next in turn");
});

test("a tab that leads tries at once when another comes to the front", async () => {
  const { world, tabs } = await openTabs(2);
  world.socket.cut();
  await settle();
  assert.equal(tabs[1].hub.state.name, "waiting");
  tabs[1].tab.document.dispatch("visibilitychange");
  await settle();
  assert.equal(world.sockets.length, 2);
});

test("an ending is told in all tabs, and acknowledged by the first to show it", async () => {
  const { world, tabs } = await openTabs(3, { token: undefined, cookie: true });
  let shown = 0;
  tabs[0].hub.on("revoked", () => new Promise(() => {})); // a hidden tab, which does not paint
  tabs[1].hub.on("revoked", () => void shown++);
  world.socket.say(revoked());
  await settle();
  assert.equal(shown, 1);
  for (const { hub, heard } of tabs) {
    assert.deepEqual(names(heard).slice(-2), ["revoked", "ended"]);
    assert.deepEqual(hub.state.notice, revoked());
  }
  assert.deepEqual(world.socket.sent[0], { type: "ack", id: "s1" });
  world.socket.cut(4001, "superseded");
  await world.pass(3_600_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(world.timers, 0);
  assert.equal(world.browser.channels.size, 0);
});

test("sessions and hubs do not mix", async () => {
  const world = new World();
  open(world);
  open(world, { token: token("b") });
  open(world, { url: "https://other.example" });
  open(world, { token: undefined, cookie: true });
  open(world, { token: undefined, cookie: true, session: "s2" });
  open(world, { shared: false });
  await settle();
  assert.equal(world.sockets.length, 6);
  for (const name of world.browser.locks.keys()) assert.doesNotMatch(name, /S/, "no secret is in a name");
});

test("a tab that has signed in anew is not told of the session before", async () => {
  const { world, tabs } = await openTabs(1, { token: undefined, cookie: true });
  const before = world.socket;
  const anew = open(world, { token: undefined, cookie: true });
  before.say(revoked({ reason: "signed_out" })); // it has hardly joined
  await settle();
  before.cut(4003, "signed_out");
  await settle();
  assert.equal(tabs[0].hub.state.name, "ended");
  assert.equal(names(anew.heard).includes("revoked"), false);
  assert.equal(world.sockets.length, 2);
  world.socket.welcome({ session: session("s2") });
  const third = open(world, { token: undefined, cookie: true });
  await settle();
  assert.equal(third.hub.session?.id, "s2");
  // And a tab that still holds another session hears nothing of this one's end.
  const old = [...world.browser.channels].find((channel) => channel.name === "sessionhub https://hub.example cookie");
  assert(old);
  for (const channel of world.browser.channels) {
    if (channel.name !== old.name) continue;
    channel.onmessage({ data: { state: { name: "ended", notice: revoked() }, of: "s1" } });
  }
  assert.equal(third.hub.state.name, "live");
});

test("where locks are forbidden each tab holds its own socket", async () => {
  const world = new World();
  const forbidden = { request: () => Promise.reject(new DOMException("opaque origin", "SecurityError")) };
  const tabs = [0, 1].map(() => {
    const tab = world.tab();
    return connect({ url, token: token(), platform: { ...tab, locks: /** @type {any} */ (forbidden) } });
  });
  await world.pass(5000);
  assert.equal(world.sockets.length, 2);
  tabs.forEach((hub) => hub.close());
  await settle();
  assert.equal(world.open.length, 0);
  assert.equal(world.timers, 0);
});

test("a lock that is given to a tab which has left goes on to the next", async () => {
  const world = new World();
  /** @type {() => Promise<void>} */ let held = async () => {};
  const locks = { request: (/** @type {any[]} */ ...args) => new Promise(() => (held = args[2])) };
  const { hub } = open(world, { platform: { ...world.tab(), locks } });
  hub.close();
  await held();
  assert.equal(world.sockets.length, 0);
});

test("a tab that signs out is done, and the others hear it from the hub", async () => {
  const { world, tabs } = await openTabs(2);
  world.answer = () => ({ status: 204 });
  await tabs[1].hub.logout();
  assert.equal(tabs[1].hub.state.code, 4003);
  assert.equal(tabs[0].hub.state.name, "live");
  world.socket.say(revoked({ reason: "signed_out" }));
  assert.equal(tabs[0].hub.state.code, 4003);
});

test("what the user does is reported, now and then", async () => {
  const world = new World();
  const { tab, hub } = open(world, { shared: false });
  world.socket.welcome();
  tab.document.dispatch("keydown", false); // a script's
  assert.deepEqual(world.socket.sent, []);
  for (let i = 0; i < 290; i++) {
    tab.document.dispatch(["keydown", "pointerdown", "wheel"][i % 3]);
    await world.pass(100);
  }
  assert.deepEqual(world.socket.sent, [{ type: "activity" }, { type: "activity" }]);
  world.socket.say({ type: "session.expiring", at: "", in_ms: 60_000 });
  world.socket.say({ type: "message", id: "m", at: "", data: 1 });
  tab.document.dispatch("keydown");
  tab.document.dispatch("keydown");
  assert.equal(world.socket.sent.length, 3, "after a warning at once, and once");
  world.socket.cut();
  tab.document.dispatch("keydown");
  await world.pass(2000);
  world.socket.welcome({ idle_timeout_ms: 20_000 });
  await world.pass(2000);
  tab.document.dispatch("keydown");
  await world.pass(2000);
  tab.document.dispatch("keydown");
  assert.equal(world.socket.sent.length, 2, "more often where the session lives for seconds");
  hub.close();
  tab.document.dispatch("keydown");
});

test("activity is the app's to report where it says so, and without a page", async () => {
  const world = new World();
  const { tab, hub } = open(world, { shared: false, activity: false });
  world.socket.welcome();
  tab.document.dispatch("keydown");
  assert.deepEqual(world.socket.sent, []);
  hub.activity();
  assert.deepEqual(world.socket.sent, [{ type: "activity" }]);
});

test("a device has one ID, in any storage", async () => {
  const kept = new Map();
  const storage = {
    getItem: async (/** @type {string} */ key) => kept.get(key) ?? null,
    setItem: async (/** @type {string} */ key, /** @type {string} */ value) => void kept.set(key, value),
  };
  const id = await deviceId(storage);
  assert.match(id, /^[a-z0-9]{20,128}$/);
  assert.equal(await deviceId(storage), id);
  assert.notEqual(await deviceId({ getItem: () => { throw new Error("off"); }, setItem() {} }), id);
  assert.match(await deviceId(), /^[a-z0-9]{20,128}$/, "without a storage, too");
});
