// The event log, live while the page can be seen: what was last, what comes, and, if asked for, what was before. Each
// event is there once, and the order is the hub's.
import { NoAnswer } from "./link.js";

/** @import { Link } from "./link.js" */
/** @import { Actor, Device, Reason } from "../../../sdk/types.d.ts" */

/**
 * A session as it was at the time of an event.
 * @typedef {{ id: string, device: Device, ip: string, user_agent: string, created_at: string, last_active_at: string,
 *   client?: Record<string, string>, attributes?: Record<string, string> }} EventSession
 */
/**
 * Something that happened.
 * @typedef {{ id: string, type: string, at: string, user: string, session: EventSession | null, reason?: Reason,
 *   by?: Actor }} Event
 */

/**
 * Which events are wanted; empty is all. The times are RFC 3339, and at until itself none are.
 * @typedef {{ user?: string, type?: string, reason?: string, since?: string, until?: string }} Only
 */

/** The types of event that there are. */
export const TYPES = [
  "session.created", "session.ended", "session.reported", "login.failed", "login.rejected", "login.challenged",
];

/** The most events that a feed keeps. */
export const MOST = 10_000;

/** How many events the hub gives at a time. */
export const PAGE = 1_000;

/** How long, in ms, events are gathered before they are shown, and how long at most until a broken feed is mended. */
const GATHER = 100;
const RETRY = 4_000;

/** Within which time after a moment the clocks may go back to it, in ms. */
const CHANGE = 3 * 3_600_000;

/**
 * Reads a local time of this place. Where the clocks go back a time comes twice, of which it is the first.
 * @param {string} local such as "2026-01-31T09:10"; empty is none
 * @param {boolean} [last] whether it is the last, as where a time ends
 * @returns {string} RFC 3339
 */
export function moment(local, last = false) {
  if (local === "") return "";
  const first = new Date(local);
  const after = new Date(first.getTime() + CHANGE).getTimezoneOffset();
  const again = new Date(first.getTime() + (after - first.getTimezoneOffset()) * 60_000);
  const twice = again > first && again.getTimezoneOffset() === after;
  return (last && twice ? again : first).toISOString();
}

/** Follows the log, or the part of it that is of one user, type or reason: the hub itself leaves out the rest. */
export class Feed {
  /** Which events it is of. @type {Only} */
  only;
  /** Newest first. It is replaced, and never changed. @type {Event[]} */
  events = [];
  /** Past is that no more come: the time has an end. @type {"loading" | "live" | "waiting" | "past"} */
  state = "loading";
  /** What the hub has against the query; empty is nothing. */
  refused = "";
  /** Whether events are missing that are no longer kept. */
  trimmed = false;
  /** Whether there may be older ones to read. */
  older = false;

  #link;
  #changed;
  /** The IDs of the events. @type {Set<string>} */
  #ids = new Set();
  /** The place in the log after the last event that has come, and the one before the first. */
  #at = "";
  #from = "";
  /** @type {EventSource | undefined} */
  #source;
  /** Newest last: what has come and is not shown yet. @type {Event[]} */
  #fresh = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #gathering;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #mending;
  #reading = false;
  #open = true;

  /**
   * @param {Link} link
   * @param {Only} only
   * @param {(came: Event[]) => void} changed is called with the events that are new, newest first, if there are any
   */
  constructor(link, only, changed) {
    this.#link = link;
    this.#changed = changed;
    this.only = only;
    document.addEventListener("visibilitychange", this.#look);
    this.#begin();
  }

  /** Ends it. */
  close() {
    this.#open = false;
    this.#source?.close();
    clearTimeout(this.#gathering);
    clearTimeout(this.#mending);
    document.removeEventListener("visibilitychange", this.#look);
    this.#link.forget(this);
  }

  /** Begins the stream anew: the one there is may hang, now that the hub is there again. */
  refresh() {
    if (this.#source) this.#listen();
    else if (this.#mending !== undefined) this.#begin();
  }

  /**
   * Reads what was before, until there are so many. The hub looks back only so far for each answer.
   * @param {number} [most]
   */
  async readOlder(most = MOST) {
    while (this.older && this.events.length < most && this.#open) {
      const page = await this.#page({ last: String(PAGE), before: this.#from });
      this.#begins(page);
      this.#keep([...this.events, ...this.#news(page.events.reverse())]);
      this.#changed([]);
    }
  }

  /** @param {any} page with the first of the events */
  #begins(page) {
    this.#from = page.from;
    // An older hub beside this page's does not say where its events begin.
    this.older = page.earlier === true && page.from !== undefined;
  }

  /** Listens while somebody looks: a browser has few connections to a hub, for all its tabs. */
  #look = () => {
    if (!document.hidden) return void this.#begin();
    this.#source?.close();
    this.#source = undefined;
  };

  /** Reads what there is, and then listens. */
  async #begin() {
    clearTimeout(this.#mending);
    this.#mending = undefined;
    if (this.#reading || this.#source || this.refused) return;
    this.#reading = true;
    try {
      if (this.#at === "") {
        const page = await this.#page({ last: String(PAGE) });
        this.#begins(page);
        this.#add(page);
      }
      // A time is wanted as a whole, however long ago it was.
      if (this.only.since || this.only.until) await this.readOlder(PAGE);
      if (this.only.until) return this.#is("past");
      for (let more = this.state !== "loading"; more; ) {
        const page = await this.#page({ after: this.#at });
        this.#add(page);
        more = page.more && this.#open;
      }
      if (this.#open && !document.hidden) this.#listen();
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (this.refused) this.#changed([]);
      else this.#mend();
    } finally {
      this.#reading = false;
    }
  }

  /** @param {Record<string, string | undefined>} wanted */
  #query(wanted) {
    return new URLSearchParams(/** @type {[string, string][]} */ (Object.entries(wanted).filter(([, value]) => value)));
  }

  /** @param {Record<string, string>} place @returns {Promise<any>} a page of the log */
  async #page(place) {
    const query = this.#query({ ...this.only, ...place });
    if (!place.last) query.set("limit", String(PAGE));
    const { status, body } = await this.#link.ask(this, "GET", `/v1/admin/events?${query}`);
    if (status === 200) return body;
    this.refused = `${body.detail || body.title}`;
    throw new NoAnswer(this.refused);
  }

  /** @param {any} page */
  #add(page) {
    if (!this.#open) return;
    this.#at = page.next;
    this.trimmed ||= page.trimmed;
    this.#fresh.push(...page.events);
    this.#show();
  }

  #listen() {
    this.#source?.close();
    const { user, type, reason } = this.only; // what comes is of a time that has no end
    const source = new EventSource(`/v1/admin/events/stream?${this.#query({ user, type, reason, after: this.#at })}`);
    this.#source = source;
    for (const type of TYPES) {
      source.addEventListener(type, (message) => {
        this.#at = message.lastEventId;
        this.#fresh.push(JSON.parse(message.data));
        this.#gathering ??= setTimeout(() => this.#show(), GATHER);
      });
    }
    source.addEventListener("log.trimmed", (message) => {
      this.#at = message.lastEventId;
      this.trimmed = true;
    });
    source.onopen = () => this.#is("live");
    source.onerror = () => {
      this.#is("waiting");
      // A stream that was cut the browser takes up again by itself; one that was refused it gives up.
      if (source.readyState === EventSource.CLOSED) this.#mend();
    };
  }

  /** Begins again in a while, where it was. */
  #mend() {
    this.#source?.close();
    this.#source = undefined;
    if (!this.#open) return;
    this.#is(this.#at === "" ? "loading" : "waiting");
    clearTimeout(this.#mending);
    this.#mending = setTimeout(() => this.#begin(), RETRY * (0.25 + 0.75 * Math.random()));
  }

  #show() {
    this.#gathering = undefined;
    const fresh = this.#news(this.#fresh.splice(0).reverse());
    this.#keep([...fresh, ...this.events]);
    this.#changed(fresh);
  }

  /** @param {Event[]} events @returns {Event[]} those that are not there yet; the stream knows nothing of since */
  #news(events) {
    const since = Date.parse(this.only.since ?? "");
    return events.filter(({ id, at }) => !this.#ids.has(id) && !(Date.parse(at) < since));
  }

  /** Has these events, or as many as there is room for. @param {Event[]} events newest first */
  #keep(events) {
    this.events = events.slice(0, MOST);
    this.#ids = new Set(this.events.map(({ id }) => id));
  }

  /** @param {Feed["state"]} state */
  #is(state) {
    if (this.state === state) return;
    this.state = state;
    this.#changed([]);
  }
}
