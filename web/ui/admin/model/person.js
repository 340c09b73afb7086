// One user: the live sessions, those that have ended, the limits, and what happens to them.
import { Feed } from "./feed.js";
import { NoAnswer } from "./link.js";

/** @import { Link } from "./link.js" */
/** @import { Notice, Session } from "../../../sdk/types.d.ts" */

/**
 * A live session as operators see it.
 * @typedef {Session & { connections: number, instances: { id: string, connections: number }[],
 *   client?: Record<string, string>, attributes?: Record<string, string> }} LiveSession
 */
/**
 * A session that has ended. The delivery says whether it was connected then; it is absent where that is not known. The
 * receipt is null until a device has said that it showed the notice.
 * @typedef {Session & Notice & { delivery?: "sent" | "offline", receipt: { acked_at: string } | null,
 *   reported_at?: string | null, client?: Record<string, string> }} EndedSession
 */
/** @typedef {{ session: Session, delivery: "sent" | "offline" }} Ended */

/** How often it is looked at who is connected, how soon after no answer, and how soon after an event, in ms. */
const EVERY = 10_000;
const RETRY = 3_000;
const SOON = 150;

/** Follows a user. */
export class Person {
  /** The least recently active last. @type {LiveSession[]} */
  sessions = [];
  /** The latest first. @type {EndedSession[]} */
  ended = [];
  /** @type {import("../view/phrases.js").Limits | undefined} */
  limits;
  /** What the hub has against the name; empty is nothing. */
  refused = "";
  /** When the hub has last answered, in ms; 0 is never. */
  heardAt = 0;
  /** How far the hub's clock is ahead of the one here, in ms. */
  #ahead = 0;

  #link;
  #changed;
  #path;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #due = 0;
  #asking = false;
  #open = true;

  /**
   * @param {Link} link
   * @param {string} user
   * @param {() => void} changed
   */
  constructor(link, user, changed) {
    this.user = user;
    this.#link = link;
    this.#changed = changed;
    this.#path = `/v1/admin/users/${encodeURIComponent(user)}`;
    this.feed = new Feed(link, { user }, (came) => {
      if (came.length && this.heardAt) this.refresh(SOON);
      changed();
    });
    document.addEventListener("visibilitychange", this.#look);
    this.refresh(0);
  }

  /** Ends it. */
  close() {
    this.#open = false;
    this.feed.close();
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    this.#link.forget(this);
  }

  /** @returns {number} what time it is at the hub, in ms since 1970, to the second */
  get now() {
    return Date.now() + this.#ahead;
  }

  /** Looks again, at most so many ms from now. @param {number} within */
  refresh(within) {
    const due = Date.now() + within;
    if (this.#timer !== undefined && this.#due <= due) return;
    clearTimeout(this.#timer);
    this.#due = due;
    this.#timer = setTimeout(() => this.#ask(), within);
  }

  /**
   * Ends one session, or all.
   * @param {string | undefined} id
   * @param {string} message for the person; empty is the hub's own words
   * @returns {Promise<Ended[] | string>} whom it has ended, or what the hub has against it
   */
  async end(id, message) {
    const path = `${this.#path}/sessions${id ? `/${id}` : ""}`;
    const { status, body } = await this.#link.ask(this, "DELETE", path, message ? { message } : undefined);
    this.refresh(0);
    if (status === 404) return [];
    return status === 200 ? body.ended : `${body.detail || body.title}`;
  }

  #look = () => {
    if (!document.hidden) this.refresh(0);
  };

  async #ask() {
    this.#timer = undefined;
    if (this.#asking) return this.refresh(SOON); // one at a time, so that what is shown gets no older
    this.#asking = true;
    let next = RETRY;
    try {
      const [list, limits] = await Promise.all([
        this.#link.ask(this, "GET", `${this.#path}/sessions?ended=true`),
        this.#link.ask(this, "GET", `${this.#path}/limit`),
      ]);
      if (this.#open) this.#take(list, limits);
      next = EVERY;
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    } finally {
      this.#asking = false;
      if (this.#open && !document.hidden) this.refresh(next);
    }
  }

  /**
   * @param {import("../../lib/api.js").Answer} list
   * @param {import("../../lib/api.js").Answer} limits
   */
  #take(list, limits) {
    this.heardAt = Date.now();
    this.#ahead = list.date - this.heardAt;
    this.refused = list.status === 200 ? "" : `${list.body.detail || list.body.title}`;
    const byActivity = (/** @type {LiveSession} */ a, /** @type {LiveSession} */ b) =>
      a.last_active_at < b.last_active_at ? 1 : -1;
    this.sessions = (list.body.sessions ?? []).sort(byActivity);
    this.ended = (list.body.ended ?? []).reverse();
    this.limits = limits.status === 200 ? limits.body : undefined;
    this.#changed();
  }
}
