// The client and a real hub: what each message and close code of the protocol comes to. cmd/hub/sdk_test.go starts the
// hubs, and this with their addresses. Nothing waits for longer than the hub takes.
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import { connect } from "../../sessionhub.js";

const { HUB_URL: url = "", HUB_IDLE_URL: idleURL = "", HUB_API_KEY: key } = process.env;

/**
 * Calls as an app does.
 * @param {string} method @param {string} path @param {object} [body] @param {string} [at] @returns {Promise<any>}
 */
async function admin(method, path, body, at = url) {
  const answer = await fetch(`${at}/v1/admin${path}`, {
    method,
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert(answer.ok, `${method} ${path}: ${answer.status}`);
  return answer.json();
}

/** Opens a session. @param {string} user @param {string} [at] */
const signIn = (user, at) => admin("POST", "/sessions", { user, device: { id: randomUUID(), name: "Tests" } }, at);

/**
 * Connects. Its `next` waits for the next event of a type, or for a state.
 * @param {string} token @param {object} [more]
 */
function open(token, more) {
  const hub = connect({ url, token, ...more });
  /** @type {[string, any][]} */ const heard = [];
  /** @type {Set<() => void>} */ const waiting = new Set();
  const note = (/** @type {string} */ type, /** @type {any} */ detail) => {
    heard.push([type, detail]);
    for (const look of waiting) look();
  };
  for (const type of /** @type {const} */ (["welcome", "revoked", "expiring", "renewed", "message"])) {
    hub.on(type, (/** @type {any} */ detail) => note(type, detail));
  }
  hub.on("state", (state) => note(state.name, state));
  const next = (/** @type {string} */ type) =>
    new Promise((resolve) => {
      const look = () => {
        const at = heard.findIndex(([name]) => name === type);
        if (at < 0) return;
        waiting.delete(look);
        resolve(heard.splice(at, 1)[0][1]);
      };
      waiting.add(look);
      look();
    });
  return { hub, next };
}

test("a login elsewhere: told by whom, closed with 4001, and acknowledged", { timeout: 120_000 }, async () => {
  const { token, session } = await signIn("alice");
  const { hub, next } = open(token);
  const welcome = await next("welcome");
  assert.equal(welcome.session.id, session.id);
  assert.equal(welcome.idle_timeout_ms, 30 * 60_000);
  assert.deepEqual(await next("live"), { name: "live", via: "socket", shared: false });
  await signIn("alice");
  const notice = await next("revoked");
  assert.equal(notice.reason, "superseded");
  assert.equal(notice.by.device.name, "Tests");
  assert.match(notice.message, /signed in on Tests/);
  const ended = await next("ended");
  assert.deepEqual([ended.code, ended.reason, ended.notice], [4001, "superseded", notice]);
  assert.equal(hub.session?.user, "alice");
  for (;;) {
    const list = await admin("GET", "/users/alice/sessions?ended=true");
    if (list.ended[0].receipt) break;
  }

  // The same token again, as of a device that was offline: told anew, and out.
  const late = open(token);
  assert.equal((await late.next("revoked")).reason, "superseded");
  assert.equal((await late.next("ended")).code, 4001);
});

test("a token that nobody was given", { timeout: 120_000 }, async () => {
  const { next } = open(`sh_${"A".repeat(86)}`);
  assert.equal((await next("revoked")).reason, "unknown");
  assert.equal((await next("ended")).code, 4004);
});

test("a push, and its acknowledgement", { timeout: 120_000 }, async () => {
  const { token } = await signIn("bob");
  const { hub, next } = open(token);
  await next("live");
  const { id } = await admin("POST", "/users/bob/messages", { data: { hello: ["bob", 1.5, null] } });
  const message = await next("message");
  assert.deepEqual([message.id, message.data], [id, { hello: ["bob", 1.5, null] }]);
  hub.ack(id);
  hub.activity();
  await hub.logout();
  assert.equal((await next("ended")).code, 4003);
});

test("signing out, over HTTP and by the socket, in all of a session's connections", { timeout: 120_000 }, async () => {
  for (const platform of [{}, { fetch: () => Promise.reject(new TypeError("another origin")) }]) {
    const { token } = await signIn("carol");
    const [one, two] = [open(token, { platform }), open(token)];
    await Promise.all([one.next("live"), two.next("live")]);
    await one.hub.logout();
    for (const { next } of [one, two]) assert.equal((await next("revoked")).reason, "signed_out");
    for (const { next } of [one, two]) assert.equal((await next("ended")).code, 4003);
  }
});

test("ended by an administrator, with a message", { timeout: 120_000 }, async () => {
  const { token } = await signIn("dave");
  const { next } = open(token);
  await next("live");
  await admin("DELETE", "/users/dave/sessions", { message: "See the desk." });
  assert.equal((await next("revoked")).message, "See the desk.");
  assert.equal((await next("ended")).reason, "ended_by_admin");
});

test("a session that runs out: warned, renewed by activity, and ended at last", { timeout: 120_000 }, async () => {
  const { token } = await signIn("erin", idleURL);
  const { hub, next } = open(token, { url: idleURL });
  await next("live");
  assert((await next("expiring")).in_ms > 0);
  hub.activity();
  assert.match((await next("renewed")).idle_expires_at, /^20/);
  assert.equal((await next("revoked")).reason, "idle");
  assert.equal((await next("ended")).code, 4002);
});

test("without a socket: heartbeats of a session that lives, and one that has ended", { timeout: 120_000 }, async () => {
  const { token } = await signIn("frank");
  class Blocked {
    readyState = 0;
    /** @type {any} */ onmessage = null;
    /** @type {any} */ onerror = null;
    /** @type {any} */ onclose = null;
    constructor() {
      queueMicrotask(() => this.onclose({ code: 1006, reason: "" }));
    }
    send() {}
    close() {}
  }
  const { hub, next } = open(token, { platform: { WebSocket: Blocked, random: () => 0 } });
  assert.equal((await next("welcome")).session.user, "frank");
  assert.equal((await next("live")).via, "heartbeat");
  hub.activity();
  await signIn("frank");
  hub.wake(true);
  assert.equal((await next("revoked")).reason, "superseded");
  assert.deepEqual((await next("ended")).code, 4001);
});
