// A world to test in, whose clock, chance, network and browser are the test's own. Nothing in it waits for real time.

/** A token of the right shape: its first half names a session, the rest is the secret. */
export const token = (name = "a") => `sh_${name.repeat(42)}${"S".repeat(44)}`;

/** @param {string} id */
export const session = (id = "s1") => ({
  id, user: "alice", device: { id: "d", name: "Firefox", kind: "web" }, idle_expires_at: "2026-01-02T03:34:05.000Z",
});

/** @param {Partial<import("../types.d.ts").Notice>} [more] */
export const revoked = (more) => ({
  type: "session.revoked", id: "s1", session_id: "s1", reason: "superseded", at: "2026-01-02T03:04:05.000Z",
  message: "Your account signed in on Chrome.", ...more,
});

/** Lets everything happen that waits for no time. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A WebSocket, whose other end is the test. */
class FakeSocket {
  readyState = 0;
  /** @type {any[]} */ sent = [];
  /** @type {any} */ onmessage = null;
  /** @type {any} */ onclose = null;
  /** @type {any} */ onerror = null;
  /** @type {number | undefined} */ closedWith; // what the client closed it with

  /** @param {string} url @param {string[]} protocols @param {number} at */
  constructor(url, protocols, at) {
    Object.assign(this, { url, protocols, at });
    this.url = url;
    this.protocols = protocols;
    this.at = at;
  }

  /** @param {string} text */
  send(text) {
    if (this.readyState !== 1) throw new Error("not open");
    this.sent.push(JSON.parse(text));
  }

  close(code = 1005) {
    if (this.readyState < 2) this.closedWith = code;
    this.readyState = 3;
  }

  /** @param {object} message */
  say(message) {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  /** @param {object} [more] */
  welcome(more) {
    this.readyState = 1;
    this.say({ type: "welcome", session: session(), instance: "here", idle_timeout_ms: 1_800_000, ...more });
  }

  cut(code = 1006, reason = "") {
    this.readyState = 3;
    this.onclose?.({ code, reason });
  }
}

/** What dispatches events. */
class FakeTarget {
  /** @type {Record<string, Set<(event: any) => void>>} */ listeners = {};

  /** @param {string} type @param {(event: any) => void} listener @param {any} options */
  addEventListener(type, listener, { signal }) {
    const all = (this.listeners[type] ??= new Set());
    all.add(listener);
    signal.addEventListener("abort", () => all.delete(listener));
  }

  /** @param {string} type @param {boolean} [isTrusted] */
  dispatch(type, isTrusted = true) {
    for (const listener of [...(this.listeners[type] ?? [])]) listener({ type, isTrusted });
  }
}

/** Web Locks and BroadcastChannel as the tabs of one browser share them. */
class FakeBrowser {
  /** @type {Map<string, {held?: any, queue: any[]}>} */ locks = new Map();
  /** @type {Set<any>} */ channels = new Set();

  /** @param {string} name @param {any} options @param {() => Promise<void>} call */
  request(name, { signal, steal }, call) {
    const lock = this.locks.get(name) ?? { held: undefined, queue: [] };
    this.locks.set(name, lock);
    return new Promise((resolve, reject) => {
      const abort = () => reject(new DOMException("aborted", "AbortError"));
      const entry = { call, resolve, abort };
      signal?.addEventListener("abort", () => {
        const at = lock.queue.indexOf(entry);
        if (at >= 0) lock.queue.splice(at, 1), abort();
      });
      if (steal) {
        lock.held?.abort();
        lock.held = undefined;
        lock.queue.unshift(entry);
      } else lock.queue.push(entry);
      queueMicrotask(() => this.#grant(lock));
    });
  }

  /** @param {any} lock */
  #grant(lock) {
    if (lock.held || lock.queue.length === 0) return;
    const entry = (lock.held = lock.queue.shift());
    entry.call().then((/** @type {any} */ value) => {
      entry.resolve(value);
      if (lock.held === entry) lock.held = undefined;
      this.#grant(lock);
    });
  }

  /** Makes BroadcastChannel for one tab. @param {() => boolean} asleep */
  channel(asleep) {
    const { channels } = this;
    return class {
      /** @type {any} */ onmessage = null;

      /** @param {string} name */
      constructor(name) {
        this.name = name;
        channels.add(this);
      }

      /** @param {any} message */
      postMessage(message) {
        if (!channels.has(this)) throw new DOMException("closed", "InvalidStateError");
        const data = structuredClone(message);
        for (const other of channels) {
          if (other === this || other.name !== this.name) continue;
          queueMicrotask(() => channels.has(other) && !other.asleep() && other.onmessage?.({ data }));
        }
      }

      asleep = asleep;

      close() {
        channels.delete(this);
      }
    };
  }
}

/** The world: one clock, one network, any number of clients. */
export class World {
  now = 1_700_000_000_000;
  /** @type {FakeSocket[]} */ sockets = [];
  /** @type {any[]} */ requests = [];
  /** @type {(request: any) => any} what the hub answers over HTTP; nothing is no network */ answer = () => undefined;
  /** @type {(socket: FakeSocket) => void} */ onSocket = () => {};
  /** @type {(() => number)} */ random = chance(1);
  browser = new FakeBrowser();
  /** @type {{at: number, call: () => void}[]} */ #timers = [];

  /** What a client without a page finds around it. @returns {import("../types.d.ts").Platform & Record<string, any>} */
  platform() {
    const world = this;
    return {
      WebSocket: class extends FakeSocket {
        /** @param {string} url @param {string[]} protocols */
        constructor(url, protocols) {
          super(url, protocols, world.now);
          world.sockets.push(this);
          world.onSocket(this);
        }
      },
      async fetch(url, init) {
        const request = { url, ...init, body: init.body && JSON.parse(init.body) };
        world.requests.push(request);
        const answer = await world.answer(request);
        if (!answer) throw new TypeError("no network");
        const { status = 200, body, headers = {} } = answer;
        const text = async () => (body ? JSON.stringify(body) : "");
        return { status, text, headers: { get: (name) => headers[name] ?? null } };
      },
      setTimeout: (call, ms) => {
        const timer = { at: world.now + ms, call };
        world.#timers.push(timer);
        return timer;
      },
      clearTimeout: (timer) => void (world.#timers = world.#timers.filter((t) => t !== timer)),
      now: () => world.now,
      random: () => world.random(),
      locks: undefined,
      BroadcastChannel: undefined,
      document: undefined,
      target: {},
    };
  }

  /** What a client in a tab of the browser finds around it. */
  tab() {
    const tab = { asleep: false };
    const document = Object.assign(new FakeTarget(), { hidden: false });
    return Object.assign(tab, this.platform(), {
      locks: { request: this.browser.request.bind(this.browser) },
      BroadcastChannel: this.browser.channel(() => tab.asleep),
      document,
      target: new FakeTarget(),
    });
  }

  /** The socket that was opened last. */
  get socket() {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("no socket has been opened");
    return socket;
  }

  /** The sockets that nobody has closed. */
  get open() {
    return this.sockets.filter((socket) => socket.readyState < 2);
  }

  get timers() {
    return this.#timers.length;
  }

  /** Lets time pass, with all that is due in it. @param {number} ms */
  async pass(ms) {
    const end = this.now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.reduce((a, b) => (b.at < a.at ? b : a), { at: Infinity, call: () => {} });
      if (next.at > end) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.now = Math.max(this.now, next.at);
      next.call();
      await settle();
    }
    this.now = end;
  }

  /** Lets the machine sleep: the clock goes on, and nothing runs. @param {number} ms */
  sleep(ms) {
    this.now += ms;
  }
}

/** Chance that repeats itself: numbers from 0 to below 1, by Marsaglia's xorshift. @param {number} seed */
export function chance(seed) {
  let x = seed | 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) / 2 ** 32;
  };
}

/** Notes all that a connection tells an app. @param {any} connection */
export function notes(connection) {
  /** @type {any[]} */ const all = [];
  for (const type of ["welcome", "revoked", "expiring", "renewed", "message"]) {
    connection.on(type, (/** @type {any} */ detail) => void all.push([type, detail]));
  }
  connection.on("state", (/** @type {any} */ state) => void all.push([state.name, state]));
  return all;
}
