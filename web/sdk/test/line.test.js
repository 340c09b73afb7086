import assert from "node:assert/strict";
import { test } from "node:test";
import { connect } from "../sessionhub.js";
import { World, chance, notes, revoked, session, settle, token } from "./world.js";

const url = "https://hub.example";

/** Collects what is reported as an unhandled rejection, which the test's runner would fail for. @param {any} t */
function rejections(t) {
  /** @type {string[]} */ const all = [];
  const others = process.rawListeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", (/** @type {any} */ error) => void all.push(error.message));
  t.after(() => {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", /** @type {any} */ (other));
  });
  return all;
}

/** @param {World} world @param {object} [more] */
const start = (world, more) => connect({ url, token: token(), platform: world.platform(), ...more });

test("options that make no sense are refused, and no secret is repeated", () => {
  const platform = new World().platform();
  for (const [options, says] of [
    [{ token: token() }, "url"],
    [{ url: "hub.example", token: token() }, "url"],
    [{ url: "https://hub.example/?token=x", token: token() }, "url"],
    [{ url: "https://alice:pw@hub.example", token: token() }, "url"],
    [{ url: `${url}/#x`, cookie: true }, "url"],
    [{ url }, "token"],
    [{ url, cookie: true, token: token() }, "token"],
    [{ url, token: `${token()} x` }, "token"],
    [{ url, token: "sh_short" }, "token"],
  ]) {
    assert.throws(() => connect({ .../** @type {any} */ (options), platform }), (/** @type {any} */ error) => {
      assert(error instanceof TypeError);
      assert.match(error.message, new RegExp(String(says)));
      assert.doesNotMatch(error.message, /SSSS|pw@/);
      return true;
    });
  }
});

test("the token goes into a subprotocol, and nowhere else", async () => {
  const world = new World();
  const hub = start(world, { url: "http://127.0.0.1:8080/" });
  assert.equal(world.socket.url, "ws://127.0.0.1:8080/v1/connect");
  assert.deepEqual(world.socket.protocols, ["sessionhub.v1", `bearer.${token()}`]);
  world.answer = () => ({ body: { state: "live", session: session(), next_ms: 1000 } });
  for (let i = 0; i < 3; i++) {
    world.socket.cut();
    await world.pass(5000);
  }
  for (const request of world.requests) {
    assert.equal(request.headers.Authorization, `Bearer ${token()}`);
    assert.equal(request.credentials, "omit");
    assert.doesNotMatch(request.url + JSON.stringify(request.body), /sh_/);
  }
  assert.equal(world.requests.length > 0, true);
  hub.close();
});

test("with the cookie, the browser sends it", async () => {
  const world = new World();
  start(world, { token: undefined, cookie: true });
  assert.deepEqual(world.socket.protocols, ["sessionhub.v1"]);
  world.answer = () => ({ body: { reason: "idle", message: "You were signed out." } });
  for (let i = 0; i < 3; i++) {
    world.socket.cut();
    await world.pass(5000);
  }
  assert.equal(world.requests[0].credentials, "include");
  assert.equal(world.requests[0].headers.Authorization, undefined);
});

test("an app hears what the hub says", async () => {
  const world = new World();
  const hub = start(world);
  const heard = notes(hub);
  world.socket.welcome({ missed_at: "2026-01-02T03:04:05.000Z" });
  world.socket.say({ type: "session.expiring", at: "2026-01-02T03:04:05.000Z", in_ms: 60_000 });
  world.socket.say({ type: "session.renewed", idle_expires_at: "2026-01-02T04:04:05.000Z" });
  world.socket.say({ type: "message", id: "m1", at: "2026-01-02T03:04:06.000Z", data: { hello: [1] } });
  world.socket.say({ type: "something.new" });
  hub.ack("m1");
  assert.deepEqual(heard.map(([type]) => type), ["welcome", "live", "expiring", "renewed", "message"]);
  assert.equal(heard[0][1].missed_at, "2026-01-02T03:04:05.000Z");
  assert.equal(hub.session?.id, "s1");
  assert.deepEqual(hub.state, { name: "live", via: "socket", shared: false });
  assert.deepEqual(heard[4][1].data, { hello: [1] });
  assert.deepEqual(world.socket.sent, [{ type: "ack", id: "m1" }]);
  hub.close();
  assert.equal(world.socket.closedWith, 1000);
  assert.equal(hub.state.name, "closed");
  assert.equal(world.timers, 0);
});

test("a listener that is taken away is not called, and one that throws spoils nothing", async (t) => {
  const world = new World();
  const hub = start(world);
  const failed = rejections(t);
  hub.on("welcome", () => assert.fail("it was taken away"))();
  hub.on("welcome", () => {
    throw new Error("the app's own");
  });
  let heard = 0;
  hub.on("welcome", () => void heard++);
  world.socket.welcome();
  await settle();
  assert.equal(heard, 1);
  assert.equal(hub.state.name, "live");
  assert.deepEqual(failed, ["the app's own"]);
  hub.close();
});

test("a notice is acknowledged when the app has shown it", async () => {
  const world = new World();
  const hub = start(world);
  const heard = notes(hub);
  world.socket.welcome();
  /** @type {(value?: any) => void} */ let shown = () => {};
  hub.on("revoked", () => new Promise((resolve) => (shown = resolve)));
  world.socket.say(revoked());
  await settle();
  assert.deepEqual(heard.slice(-2).map(([type]) => type), ["revoked", "ended"]);
  await world.pass(900);
  hub.close(); // the app is done with it, and the receipt is still to come
  assert.deepEqual(world.socket.sent, []);
  shown();
  await settle();
  assert.deepEqual(world.socket.sent, [{ type: "ack", id: "s1" }]);
  assert.equal(world.socket.readyState, 1, "the hub closes it, so that the receipt gets through");
  assert.deepEqual(hub.state, {
    name: "ended", via: "socket", shared: false, code: 4001, reason: "superseded", notice: revoked(),
  });
  world.socket.cut(4001, "superseded");
  await world.pass(3_600_000);
  assert.equal(world.sockets.length, 1);
  assert.equal(heard.length, 4, "and it is told once");
  assert.equal(world.timers, 0);
});

test("a notice that nobody shows is not acknowledged, and its socket does not stay", async (t) => {
  const failed = rejections(t);
  for (const listener of [undefined, () => { throw new Error("no screen"); }]) {
    const world = new World();
    const hub = start(world);
    if (listener) hub.on("revoked", listener);
    world.socket.welcome();
    world.socket.say(revoked());
    await world.pass(10_000);
    assert.deepEqual(world.socket.sent, []);
    assert.equal(world.open.length, 0);
    assert.equal(world.timers, 0);
  }
  assert.deepEqual(failed, ["no screen"]);
});

test("after a terminal code it never comes back, and says why also without a notice", async () => {
  for (const [code, reason] of [
    [4001, "ended_by_admin"], [4002, "idle"], [4003, "signed_out"], [4004, "unknown"], [4099, ""],
  ]) {
    const world = new World();
    const hub = start(world);
    const heard = notes(hub);
    world.socket.welcome();
    world.socket.cut(Number(code), String(reason));
    await world.pass(3_600_000);
    assert.equal(world.sockets.length, 1, `code ${code}`);
    assert.equal(heard.at(-2)[0], "revoked");
    assert.equal(heard.at(-2)[1].reason, reason);
    assert.match(heard.at(-2)[1].message, /./);
    assert.equal(hub.state.name, "ended");
    assert.equal(hub.state.code, code);
    assert.equal(hub.state.reason, reason);
  }
});

test("a client that the hub refuses does not come back, a slow one does", async () => {
  for (const [code, reason, name] of [
    [1003, "messages must be text", "failed"], [1008, "unknown message type", "failed"],
    [1009, "message too big", "failed"], [1008, "too slow", "waiting"], [1001, "", "waiting"], [1011, "", "waiting"],
  ]) {
    const world = new World();
    const hub = start(world);
    const heard = notes(hub);
    world.socket.welcome();
    world.socket.cut(Number(code), String(reason));
    assert.equal(hub.state.name, name, `${code} ${reason}`);
    assert.equal(hub.state.code, code);
    assert.equal(hub.state.reason, reason);
    await world.pass(60_000);
    assert.equal(world.sockets.length > 1, name === "waiting");
    assert(!heard.some(([type]) => type === "revoked"));
    hub.close();
    assert.equal(world.timers, 0);
  }
});

test("the wait is drawn from all of an interval that doubles", async () => {
  /** @type {number[][]} */ const waits = [[], [], [], [], [], [], []];
  for (let seed = 1; seed <= 300; seed++) {
    const world = new World();
    world.random = chance(seed * 7919);
    world.random(); // the first numbers of neighbouring seeds are alike
    const hub = start(world);
    for (const attempt of waits) {
      world.socket.cut();
      await settle();
      attempt.push(hub.state.retryInMs ?? NaN);
      await world.pass(hub.state.retryInMs ?? NaN);
    }
    hub.close();
  }
  waits.forEach((drawn, i) => {
    const most = Math.min(30_000, 2000 * 2 ** i);
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    const [least, longest] = [Math.min(...drawn), Math.max(...drawn)];
    assert(least < most / 20 && longest < most && longest > most * 0.95, `attempt ${i}: ${least} to ${longest}`);
    assert(Math.abs(mean - most / 2) < most / 10, `attempt ${i}: mean ${mean} of ${most}`);
  });
});

test("a hub that welcomes and falls is not hammered, a steady one is back soon", async () => {
  const world = new World();
  world.random = () => 0.999;
  const hub = start(world);
  for (let i = 0; i < 6; i++) {
    world.socket.welcome();
    await world.pass(1000);
    world.socket.cut();
    await world.pass(hub.state.retryInMs ?? NaN);
  }
  assert(world.socket.at - world.sockets[4].at > 20_000);
  world.socket.welcome();
  await world.pass(60_000);
  world.socket.cut();
  assert(Number(hub.state.retryInMs) < 2000);
  hub.close();
});

test("an attempt that hangs is given up", async () => {
  const world = new World();
  const hub = start(world);
  await world.pass(9999);
  assert.equal(world.sockets.length, 1);
  await world.pass(2001);
  assert.equal(world.sockets[0].closedWith, 1000);
  assert.equal(world.sockets.length, 2);
  world.sockets[0].welcome(); // too late
  assert.equal(hub.state.name, "connecting");
  hub.close();
});

test("a page whose own policy forbids the socket is told as one without a network", async () => {
  const world = new World();
  const platform = { ...world.platform(), WebSocket: /** @type {any} */ (function () { throw new Error("refused"); }) };
  const hub = connect({ url, token: token(), platform });
  await world.pass(0);
  assert.equal(hub.state.name, "waiting");
  hub.close();
});

test("it signs out", async () => {
  const world = new World();
  const hub = start(world);
  const heard = notes(hub);
  world.socket.welcome();
  await assert.rejects(start(new World()).logout(), /could not sign out/);
  world.answer = () => ({ status: 503, body: { title: "The store is away" } });
  await assert.rejects(hub.logout(), /could not sign out/);
  assert.equal(hub.state.name, "live");
  world.answer = () => ({ status: 204 });
  await hub.logout();
  assert.deepEqual(world.requests.at(-1), {
    url: `${url}/v1/session`, method: "DELETE", credentials: "omit", body: undefined,
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token()}` },
  });
  world.socket.say(revoked({ reason: "signed_out" })); // the hub tells all sockets
  assert.deepEqual(heard.slice(-2).map(([type]) => type), ["revoked", "ended"]);
  assert.equal(hub.state.code, 4003);
  assert.equal(hub.state.reason, "signed_out");

  const late = start(new World());
  const other = new World();
  other.answer = () => ({ status: 401, body: { reason: "superseded", message: "Elsewhere." } });
  const ended = start(other);
  await ended.logout();
  assert.equal(ended.state.notice?.message, "Elsewhere.");
  late.close();
});

test("a page of a foreign origin signs out by its socket", async () => {
  const world = new World();
  const hub = start(world);
  world.socket.welcome();
  const done = hub.logout();
  await settle();
  assert.deepEqual(world.socket.sent, [{ type: "logout" }]);
  assert.equal(hub.state.name, "live");
  world.socket.say(revoked({ reason: "signed_out" }));
  await done;
  assert.equal(hub.state.code, 4003);
});

test("a sign-out by a socket that is dead is not waited for", async () => {
  const world = new World();
  const hub = start(world);
  world.socket.welcome();
  const done = hub.logout();
  await settle();
  assert.deepEqual(world.socket.sent, [{ type: "logout" }]);
  await Promise.all([assert.rejects(done, /could not sign out/), world.pass(5000)]);
  assert.equal(hub.leaving, false);
  hub.close();
});

test("a sign-out that a cut has swallowed is not done", async () => {
  const world = new World();
  const hub = start(world);
  world.socket.welcome();
  const done = hub.logout();
  await settle();
  world.socket.cut();
  await assert.rejects(done, /could not sign out/);
  assert.equal(hub.leaving, false);
  hub.close();
});
