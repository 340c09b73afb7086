// The line to the hub: a socket that comes back after a cut or, where sockets are blocked, heartbeats.

/**
 * @import { Platform, Socket, State } from "./types.d.ts"
 * @typedef {{ url: string, token?: string }} Hub where the hub is, and what proves the session to it
 * @typedef {Pick<State, "name"> & Partial<State>} News
 * @typedef {{ state(news: News): void, message(message: any): void, done(): void }} Listener
 */

const FIRST = 2000; // ms: the most before the first attempt to come back; it doubles with each
const LONGEST = 30_000; // and the most before any
const STEADY = 10_000; // a socket that lived for so long has the attempts counted anew
const WELCOME_WITHIN = 10_000; // from the attempt to the hub's first word
const REFUSED = 3; // so many sockets in a row without a welcome: try it without
const TICK = 20_000; // how often a live line looks at the clock
const SLEPT = 90_000; // a tick so late was slept through: the slowest of tabs has one every minute
const GONE_WITHIN = 5000; // from the notice to the end of its socket

/** A close without a frame (RFC 6455, section 7.1.5). */
const CUT = { code: 1006, reason: "" };

/** Close codes by why a session ended; the others' is 4001. @type {Record<string, number>} */
const CODES = { idle: 4002, lifetime: 4002, signed_out: 4003, unknown: 4004 };

/**
 * Calls the hub about the session. It throws where there is no answer, or none of the hub's.
 * @param {Platform} p @param {Hub} hub @param {string} method @param {string} path @param {object} [body]
 */
export async function call(p, { url, token }, method, path, body) {
  const answer = await p.fetch(`${url}/v1/session${path}`, {
    method,
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    credentials: token ? "omit" : "include",
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const after = Number(answer.headers.get("Retry-After")) * 1000 || 0;
  return { status: answer.status, body: text && JSON.parse(text), after };
}

/**
 * Makes the news of an ending from what the hub says of it: a notice, the answer to a heartbeat, a problem.
 * @param {any} ending @param {number} [code] @returns {News}
 */
export function ended(ending, code = CODES[ending.reason] ?? 4001) {
  const notice = { message: "This session has ended.", ...ending, type: "session.revoked" };
  return { name: "ended", code, reason: ending.reason, notice };
}

/** One session's line. The first `wake` opens it. */
export class Line {
  #p;
  #hub;
  #to;
  /** @type {Socket | undefined} */ #socket;
  /** @type {unknown} */ #timer; // of the one thing that is waited for
  #attempts = 0; // to come back, since the line was last steady
  #refused = 0; // sockets in a row that were not welcomed
  #due = 0; // the hub has asked to be left alone until then
  #since = 0; // when this socket was welcomed; 0 is not yet
  #seen = 0; // the last look at the clock
  #beating = false; // heartbeats stand in for the socket
  #active = false; // what the next of them is to say
  #warned = false; // the last has heard that the session is about to run out
  #why = CUT; // the last close
  #over = false;

  /** @param {Hub} hub @param {Platform} platform @param {Listener} to */
  constructor(hub, platform, to) {
    this.#p = platform;
    this.#hub = hub;
    this.#to = to;
  }

  /**
   * Looks after the line at once, as after a sleep. A socket is given up for a new one where the network has changed,
   * or the clock shows that it was slept through.
   * @param {boolean} [changed]
   */
  wake(changed) {
    const now = this.#p.now();
    const slept = this.#since && now - this.#seen > SLEPT;
    if (this.#over || now < this.#due || (this.#socket && !changed && !slept)) return;
    this.#attempts = 0;
    this.#open();
  }

  /** @param {{type: string, id?: string}} message @returns {boolean} whether it is on its way */
  send(message) {
    if (this.#beating && message.type === "activity") {
      this.#active = true;
      if (this.#warned) this.#beat(); // the next may be too late
      return true;
    }
    if (this.#socket?.readyState !== 1) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** Hangs up. */
  stop() {
    this.#over = true;
    this.#clear();
  }

  /**
   * Is over, for good. The socket is the hub's to close, so that a receipt for the notice gets through.
   * @param {News} news
   */
  end(news) {
    if (this.#over) return;
    this.#over = true;
    this.#set(() => this.#closed(), this.#socket ? GONE_WITHIN : 0);
    this.#say(news);
  }

  /** @param {News} news */
  #say(news) {
    this.#to.state({ via: this.#beating ? "heartbeat" : "socket", ...news });
  }

  /** @param {() => void} call @param {number} ms */
  #set(call, ms) {
    this.#p.clearTimeout(this.#timer);
    this.#timer = this.#p.setTimeout(call, ms);
  }

  #clear() {
    this.#p.clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.#since = 0;
    socket?.close(1000);
  }

  #open() {
    this.#clear();
    const { url, token } = this.#hub;
    const protocols = ["sessionhub.v1"];
    if (token) protocols.push(`bearer.${token}`);
    this.#set(() => this.#closed(), WELCOME_WITHIN);
    try {
      const socket = new this.#p.WebSocket(url.replace("http", "ws") + "/v1/connect", protocols);
      this.#socket = socket;
      socket.onmessage = ({ data }) => socket === this.#socket && this.#hear(JSON.parse(data));
      socket.onclose = (why) => socket === this.#socket && this.#closed(why);
      socket.onerror = () => {}; // its close follows
    } catch {
      this.#set(() => this.#closed(), 0); // the page's own policy forbids it
    }
    if (!this.#beating) this.#say({ name: "connecting" });
  }

  /** @param {any} message */
  #hear(message) {
    if (message.type === "session.revoked") return this.end(ended(message));
    if (message.type === "reconnect") {
      this.#due = this.#p.now() + message.after_ms;
      return;
    }
    if (message.in_ms) message.until = this.#p.now() + message.in_ms;
    const welcome = message.type === "welcome";
    if (welcome) {
      this.#beating = false;
      this.#refused = 0;
      this.#since = this.#seen = this.#p.now();
      this.#tick();
    }
    this.#to.message(message);
    if (welcome) this.#say({ name: "live" });
  }

  /** Finds out that the device has slept: no socket says so. */
  #tick() {
    this.wake();
    if (!this.#since) return;
    this.#seen = this.#p.now();
    this.#set(() => this.#tick(), TICK);
  }

  /** Goes on after a close. @param {{ code: number, reason: string }} [why] */
  #closed({ code, reason } = CUT) {
    this.#why = { code, reason };
    const since = this.#since;
    this.#clear();
    if (this.#over) return this.#to.done();
    if (code >= 4000 && code < 4100) return this.end(ended({ reason }, code));
    const broken = code === 1003 || code === 1009 || (code === 1008 && reason !== "too slow");
    if (broken) return this.end({ name: "failed", ...this.#why });
    if (since && this.#p.now() - since > STEADY) this.#attempts = 0;
    if (since || code === 1012 || code === 1013) {
      this.#refused = 0;
      this.#beating = false;
    } else if (++this.#refused >= REFUSED) return this.#beat();
    this.#wait();
  }

  /** Waits. All of the delay is drawn, so that a crowd whose hub has gone does not come back at once. */
  #wait() {
    const most = Math.min(LONGEST, FIRST * 2 ** this.#attempts++);
    const retryInMs = Math.max(0, this.#due - this.#p.now()) + this.#p.random() * most;
    this.#set(() => this.#open(), retryInMs);
    this.#say({ name: "waiting", ...this.#why, retryInMs });
  }

  /** Asks over HTTP how the session is. If that works where sockets do not, so it goes on. */
  async #beat() {
    const again = () => {
      this.#clear();
      this.#beating = false;
      this.#wait();
    };
    this.#clear(); // an attempt may be under way
    this.#set(again, WELCOME_WITHIN);
    const timer = this.#timer;
    const active = this.#active;
    this.#active = false;
    const answer = await call(this.#p, this.#hub, "POST", "/heartbeat", { active }).catch(() => undefined);
    if (this.#over || timer !== this.#timer) return; // something else has come up
    const { body = {}, after = 0 } = answer ?? {};
    if (body.reason) return this.end(ended(body));
    if (!body.session) {
      this.#due = this.#p.now() + after;
      return again();
    }
    this.#set(() => this.#open(), body.next_ms); // a socket may do by then
    if (!this.#beating) {
      this.#beating = true;
      this.#warned = false;
      this.#attempts = 0;
      this.#to.message({ type: "welcome", session: body.session });
      this.#say({ name: "live", ...this.#why });
    }
    const { expiring, session } = body;
    const { idle_expires_at } = session;
    if (!expiring !== !this.#warned) this.#hear(expiring ?? { type: "session.renewed", idle_expires_at });
    this.#warned = !!expiring;
  }
}

