// The client of Session Hub: keeps a session's socket, and says what becomes of the session. It has no dependencies,
// and runs in browsers, Node and React Native; docs/sdk.md shows how to use it.
import { Line, call, ended } from "./line.js";
import { Tabs } from "./tabs.js";

/**
 * @import {
 *   Connection as Public, Events, Options, Platform, Proof, Session, State, Storage, Target, Warning, Welcome
 * } from "./types.d.ts"
 */

const ACTIVITY_EVERY = 15_000; // ms between two reports of what the user does, at most
const LEFT_WITHIN = 5000; // from a sign-out by socket to its end

/**
 * Connects to the hub with a session, and stays connected until the session ends or `close` is called.
 * @param {Options} options
 * @throws {TypeError} if the options make no sense
 */
export function connect(options) {
  const { token, cookie, platform } = options;
  const g = /** @type {any} */ (globalThis);
  const url = `${options.url ?? g.location?.origin}`.replace(/\/+$/, "");
  if (!/^https?:\/\/[^/?#@\s]+$/.test(url)) throw new TypeError('url: want the hub, as in "https://hub.example"');
  // What is no token is not repeated in an error, and not left to the socket's constructor, which would.
  const one = token ? !cookie && /^sh_[\w-]{60,}$/.test(token) : cookie;
  if (!one) throw new TypeError("want a session's token, or cookie: true");
  return new Connection({ ...options, url }, {
    WebSocket: g.WebSocket,
    fetch: g.fetch?.bind(g),
    setTimeout: g.setTimeout.bind(g),
    clearTimeout: g.clearTimeout.bind(g),
    now: Date.now,
    random: Math.random,
    locks: g.navigator?.locks,
    BroadcastChannel: g.BroadcastChannel,
    document: g.document,
    target: g,
    ...platform,
  });
}

/**
 * Returns the ID by which the hub is to know this device, for a login. It is made once, and kept where it can be.
 * @param {Storage} [storage] `localStorage` by default, or what is like it; its answers may be promises
 * @returns {Promise<string>}
 */
export async function deviceId(storage) {
  const name = "hub-device";
  const made = [1, 2, 3].map(() => Math.random().toString(36).slice(2)).join(""); // unique, and no secret
  try {
    const at = storage ?? /** @type {any} */ (globalThis).localStorage;
    const kept = await at.getItem(name);
    if (!kept) await at.setItem(name, made);
    return kept || made;
  } catch {
    return made; // storage is turned off: a new device each time
  }
}

/** A session's connection, as an app sees it. @implements {Public} */
class Connection {
  /** How it is now. @type {State} */
  state = { name: "connecting", via: "socket", shared: false };
  /** The session, once the hub has said so. @type {Session | undefined} */
  session;
  /** What holds of the last warning: the session will end without activity. @type {Warning | undefined} */
  warning;
  /** Whether the app has signed out here: then the end is no news. */
  leaving = false;

  #hub;
  #p;
  #name; // what the tabs that share a line have in common; nothing is not to share
  /** @type {Record<string, Set<(detail: any) => any>>} */ #listeners = {};
  #page = new /** @type {any} */ (globalThis).AbortController(); // aborts listening to it
  /** @type {Line | undefined} */ #line;
  /** @type {Tabs | undefined} */ #tabs;
  /** @type {Welcome | undefined} */ #welcome;
  #resting = true; // the page is not shown, or it is over
  #told = 0; // when activity was last reported
  #every = ACTIVITY_EVERY;
  #over = false;

  /** @param {Options & { url: string }} options @param {Platform} p */
  constructor(options, p) {
    const { url, token, session, shared = p.document, activity = p.document } = options;
    this.#hub = { url, token };
    this.#p = p;
    // The first half of a token names its session and proves nothing.
    const which = session ?? token?.slice(0, 45) ?? "cookie";
    this.#name = shared && p.locks && p.BroadcastChannel && `sessionhub ${url} ${which}`;
    this.#listen(p.target, ["online"], () => this.wake(true));
    this.#listen(p.target, ["pagehide"], () => this.#rest());
    this.#listen(p.target, ["pageshow"], () => this.#resting && this.#start());
    this.#listen(p.document, ["visibilitychange", "resume"], () => p.document?.hidden || this.wake());
    if (activity) {
      this.#listen(p.document, ["pointerdown", "keydown", "wheel"], (event) => {
        const due = this.warning || p.now() - this.#told >= this.#every;
        if (event.isTrusted && due) this.activity();
      });
    }
    this.#start();
  }

  /**
   * Has a listener called with each event of a type.
   * @template {keyof Events} T
   * @param {T} type
   * @param {(detail: Events[T]) => any} listener
   * @returns {() => void} takes it away again
   */
  on(type, listener) {
    const listeners = (this.#listeners[type] ??= new Set());
    listeners.add(listener);
    return () => void listeners.delete(listener);
  }

  /** Reports that the user did something. */
  activity() {
    if (!this.#send({ type: "activity" })) return;
    this.#told = this.#p.now();
    this.warning = undefined;
  }

  /** Tells the hub that a message was shown. @param {string} id */
  ack(id) {
    this.#send({ type: "ack", id });
  }

  /**
   * Looks after the connection at once: for apps without a page, when they come to the front.
   * @param {boolean} [changed] whether the network has
   */
  wake(changed) {
    this.#line ? this.#line.wake(changed) : this.#tabs?.ask();
  }

  /** Signs out. It throws where the hub cannot say that it is done. */
  async logout() {
    this.leaving = true;
    const answer = await call(this.#p, this.#hub, "DELETE", "").catch(() => undefined);
    // All that a page of a foreign origin may do is to say so by its socket, which then closes.
    if (!answer && this.#send({ type: "logout" })) await new Promise((/** @type {(v?: any) => void} */ next) => {
      this.on("state", next);
      this.#p.setTimeout(next, LEFT_WITHIN); // the socket, or another tab's, may be dead
    });
    const why = answer?.status === 204 ? { reason: "signed_out", message: "You signed out." } : answer?.body ??
      this.state.notice;
    this.leaving = !!why?.reason; // if not, another tab may yet do it
    if (!this.leaving) throw new Error("The hub could not sign out.");
    this.#line?.end(ended(why)); // which enters it, and tells the other tabs
    this.#enter(ended(why));
  }

  /**
   * Reports the login that has ended this session as not the user's own: the hub ends its session. Whoever asks has to
   * prove to be the user: without a proof, the hub says how. It throws where there is no answer, or none of the hub's.
   * @param {Proof} [proof]
   */
  report(proof) {
    return call(this.#p, this.#hub, proof ? "POST" : "GET", "/report", proof);
  }

  /** Ends the connection, and leaves the session as it is. */
  close() {
    if (this.#over) return;
    this.#enter({ ...this.state, name: "closed" });
    this.#rest();
  }

  #start() {
    this.#resting = false;
    this.session = undefined; // a page that was away may find another
    if (!this.#name) return this.#lead();
    this.#tabs = new Tabs(this.#p, this.#name, {
      lead: () => this.#lead(),
      follow: () => this.#hangUp(),
      hear: (data) => this.#overhear(data),
    });
  }

  /** Lets go of everything: a page that is not shown holds nothing up, and may come back. */
  #rest() {
    this.#resting = true;
    this.#hangUp();
    this.#tabs?.leave();
    this.#tabs = undefined;
  }

  #hangUp() {
    this.#line?.stop();
    this.#line = undefined;
  }

  #lead() {
    this.#line = new Line(this.#hub, this.#p, {
      state: (state) => this.#say({ state }),
      message: (message) => this.#say({ message }),
      done: () => this.#rest(),
    });
    this.#line.wake();
  }

  /** Passes on what the line says, here and to the other tabs. @param {{ state?: any, message?: any }} data */
  #say(data) {
    this.#tabs?.post({ ...data, of: (data.message?.session ?? this.session)?.id });
    this.#take(data);
  }

  /** Takes what another tab says. @param {any} data */
  #overhear({ ask, send, of, again, warning, ...data }) {
    if (send) this.#line?.send(send);
    if (ask && this.#line) {
      const { state, session, warning } = this;
      this.#tabs?.post({ state, message: this.#welcome, of: session?.id, again: true, warning });
      this.#line.wake();
    }
    if (this.#line || ask || send) return;
    // With a cookie the tabs may be of two sessions, one of which has just ended: only their own concerns them.
    if (this.session ? of && of !== this.session.id : data.state?.notice) return;
    if (!again || !this.session) this.#take(data, true);
    if (warning && !this.warning) this.#take({ message: warning });
  }

  /** @param {{ state?: any, message?: any }} data @param {boolean} [shared] */
  #take({ state, message }, shared = false) {
    if (message) {
      const { type, session, idle_timeout_ms, until } = message;
      if (type === "welcome") {
        this.#welcome = message;
        this.session = session;
        this.#every = Math.min(ACTIVITY_EVERY, idle_timeout_ms / 10 || ACTIVITY_EVERY);
      }
      if (type !== "message") this.warning = until && message;
      if (until) message.in_ms = until - this.#p.now(); // it may have waited for a tab that slept
      this.#emit(type.replace("session.", ""), message);
    }
    if (state) this.#enter({ ...state, shared });
  }

  /** @param {any} state */
  async #enter(state) {
    if (this.#over) return;
    this.state = state;
    this.#over = /ed$/.test(state.name); // ended, failed, closed
    const { notice } = state;
    const shown = notice ? this.#emit("revoked", notice) : [];
    this.#emit("state", state);
    if (!this.#over) return;
    this.#page.abort();
    try {
      await Promise.all(shown);
      if (shown.length && notice.id) this.ack(notice.id); // it is on the screen
    } finally {
      if (!this.#line) this.#rest();
    }
  }

  /** @param {{type: string, id?: string}} message @returns {boolean} whether it is on its way */
  #send(message) {
    if (this.#line || !this.#tabs) return !!this.#line?.send(message);
    this.#tabs.post({ send: message });
    return true;
  }

  /**
   * Calls the listeners, all of them, whatever one throws; that is reported like any rejection.
   * @param {string} type @param {any} detail @returns {Promise<any>[]}
   */
  #emit(type, detail) {
    return [...(this.#listeners[type] ?? [])].map(async (listener) => listener(detail));
  }

  /** @param {Partial<Target> | undefined} target @param {string[]} types @param {(event: any) => void} call */
  #listen(target, types, call) {
    const options = { capture: true, passive: true, signal: this.#page.signal };
    for (const type of types) target?.addEventListener?.(type, call, options);
  }
}
