// The event feed: newest first, live, filtered. While somebody reads further down, or has paused it, it stands still
// and says how many have come.
import { plain } from "/sdk/words.js";
import { h } from "../../lib/dom.js";
import { Feed, MOST, TYPES } from "../model/feed.js";
import { NoAnswer } from "../model/link.js";
import { Details } from "./details.js";
import { briefly, device, eventFacts, foreign, userLink, what } from "./facts.js";
import { ALL_REASONS, counted, happened, reasonWords, typeWords } from "./phrases.js";
import { Rows } from "./rows.js";

/** @import { Event } from "../model/feed.js" */
/** @import { Link } from "../model/link.js" */
/** @import { Column } from "./rows.js" */

/** @type {Column<Event>[]} */
const COLUMNS = [
  { name: "time", title: "Time", render: (e) => briefly(e.at) },
  { name: "event", title: "Event", render: what },
  { name: "user", title: "User", render: (e) => userLink(e.user, { tabIndex: -1 }) },
  { name: "where", title: "Device", render: (e) => device(e.session ?? e.by) },
  { name: "address", title: "Address", render: (e) => foreign((e.session ?? e.by)?.ip) },
];

/**
 * Makes a list of events, with room for the details of one.
 * @param {"h3" | "h4"} heading of the details
 * @param {string} label
 * @param {Column<Event>[]} columns
 * @param {() => void} [moved]
 */
function eventList(heading, label, columns, moved) {
  const details = new Details(heading, () => rows.focus());
  const rows = new Rows({ label, columns, key: (e) => e.id, moved, open: (e) => details.show(happened(e).words, eventFacts(e)) });
  return { rows, details, element: h("div", { class: "with-details" }, rows.element, details.element) };
}

const OLDER = "Load older events";

/**
 * Has a feed read what is older, and says on the button how far it is.
 * @param {Feed} feed
 * @param {HTMLButtonElement} button
 * @returns {Promise<boolean>} whether it could
 */
async function readOlder(feed, button) {
  button.disabled = true;
  try {
    await feed.readOlder((read) => (button.textContent = `Read ${counted(read, "event")}…`));
    return true;
  } catch (error) {
    if (error instanceof NoAnswer) return false;
    throw error;
  } finally {
    button.disabled = false;
    button.textContent = OLDER;
  }
}

/** Shows the events of one user, without filters. */
export class UserEvents {
  #list = eventList("h4", "Events of this user", COLUMNS.filter(({ name }) => name !== "user"));
  /** @type {Feed | undefined} */
  #feed;
  #older = h("button", { type: "button", hidden: true, click: () => this.#feed && readOlder(this.#feed, this.#older) }, OLDER);
  element = h("div", {}, this.#list.element, this.#older);

  /** Shows nothing any more: they are to be another user's. */
  clear() {
    this.#feed = undefined;
    this.#list.details.hide();
    this.#list.rows.toTop();
    this.#list.rows.set([]);
    this.#older.hidden = true;
  }

  /** @param {Feed} feed */
  show(feed) {
    this.#feed = feed;
    this.#list.rows.set(feed.events);
    this.#older.hidden = !feed.older || feed.events.length >= MOST;
  }
}

/** Shows the feed with its filters. */
export class Events {
  #link;
  #seen;
  #say;
  /** @type {Feed} */
  #feed;
  /** @type {Event[] | undefined} */
  #held;
  #waiting = 0;
  #paused = false;
  /** Whether it is still to be said how many events there are, now that others are wanted. */
  #unsaid = false;

  #type = h("select", { id: "events-type", change: () => this.#follow() }, h("option", { value: "" }, "All"),
    ...TYPES.map((type) => h("option", { value: type }, typeWords(type))));
  #reason = h("select", { id: "events-reason", change: () => this.#follow() }, h("option", { value: "" }, "All"),
    ...ALL_REASONS.map((reason) => h("option", { value: reason }, reasonWords(reason))));
  #user = h("input", { id: "events-user", type: "text", autocomplete: "off", autocapitalize: "none", spellcheck: false,
    maxLength: 256, placeholder: "Exact name", change: () => this.#follow() });
  #clear = h("button", { type: "button", hidden: true, click: () => this.#clearFilters() }, "Clear filters");
  #pause = h("button", { type: "button", class: "pause", click: () => this.#toggle() }, "Pause");
  #news = h("button", { type: "button", class: "news", hidden: true, click: () => this.#release() });
  #state = h("p", { class: "feed-state" });
  #older = h("button", { type: "button", hidden: true, click: () => this.#readOlder() }, OLDER);
  #list = eventList("h3", "Events, newest first", COLUMNS, () => this.#moved());

  /**
   * @param {HTMLElement} element where it is
   * @param {Link} link
   * @param {(users: string[]) => void} seen is told of users that have been seen
   * @param {(words: string) => void} say says something to those who do not see the page
   */
  constructor(element, link, seen, say) {
    this.#link = link;
    this.#seen = seen;
    this.#say = say;
    const field = (/** @type {string} */ label, /** @type {HTMLElement} */ input) =>
      h("div", { class: "field" }, h("label", { htmlFor: input.id }, label), input);
    element.replaceChildren(
      h("div", { class: "filters", role: "group", ariaLabel: "Filter the events" }, field("Event", this.#type),
        field("Reason", this.#reason), field("User", this.#user), this.#clear),
      h("div", { class: "feed-bar" }, this.#state, this.#news, this.#pause),
      this.#list.element, this.#older);
    this.#feed = this.#open();
  }

  /** Ends it. */
  close() {
    this.#feed.close();
  }

  /** Listens anew, now that the hub is there again. */
  refresh() {
    this.#feed.refresh();
  }

  #open() {
    this.#held = undefined;
    this.#waiting = 0;
    // Nothing but an ending has a reason.
    this.#reason.disabled = this.#type.value !== "" && this.#type.value !== "session.ended";
    if (this.#reason.disabled) this.#reason.value = "";
    const only = { type: this.#type.value, reason: this.#reason.value, user: this.#user.value };
    this.#clear.hidden = !(only.type || only.reason || only.user);
    return new Feed(this.#link, only, (came) => this.#changed(came));
  }

  /** Follows another part of the log. */
  #follow() {
    this.#feed.close();
    this.#feed = this.#open();
    this.#list.details.hide();
    this.#list.rows.toTop();
    this.#unsaid = true;
    this.#changed([]);
  }

  #clearFilters() {
    this.#type.value = this.#reason.value = this.#user.value = "";
    this.#follow();
    this.#type.focus();
  }

  /** @param {Event[]} came newest first */
  #changed(came) {
    if (!this.#feed) return; // it is being made
    if (came.length) this.#seen([...new Set(came.map((e) => e.user))]);
    const { events, state } = this.#feed;
    if (state !== "loading" && (this.#paused || this.#list.rows.scrolled)) {
      this.#held ??= events.slice(came.length);
      this.#waiting += came.length;
    } else {
      this.#held = undefined;
      this.#waiting = 0;
    }
    this.#draw();
    if (this.#unsaid && state === "live") {
      this.#unsaid = false;
      this.#say(counted(events.length, "event"));
    }
  }

  /** The user has scrolled: at the top, what has come is shown. */
  #moved() {
    if (this.#held && !this.#paused && !this.#list.rows.scrolled) this.#changed([]);
  }

  #draw() {
    const shown = this.#held ?? this.#feed.events;
    this.#list.rows.set(shown);
    this.#news.hidden = this.#waiting === 0;
    this.#news.textContent = `${this.#waiting.toLocaleString()} new`;
    this.#older.hidden = !this.#feed.older || this.#feed.events.length >= MOST;
    this.#state.textContent = this.#stateWords(shown.length);
    this.#state.dataset.state = this.#paused ? "paused" : this.#feed.state;
  }

  /** @param {number} shown */
  #stateWords(shown) {
    const { state, events, trimmed, refused } = this.#feed;
    if (refused) return plain(refused, 200);
    if (state === "loading") return "Loading…";
    const live = this.#paused ? "Paused" : { live: "Live", waiting: "Reconnecting" }[state];
    const full = events.length >= MOST ? `, the newest ${MOST.toLocaleString()} are kept here` : "";
    return `${live} · ${counted(shown, "event")}${full}${trimmed ? " · older ones are no longer kept" : ""}`;
  }

  /** Shows what has come, from the newest on. */
  #release() {
    this.#paused = false;
    this.#pause.textContent = "Pause";
    this.#list.rows.toTop();
    this.#changed([]);
    this.#list.rows.focus();
  }

  #toggle() {
    if (this.#paused) return this.#release();
    this.#paused = true;
    this.#pause.textContent = "Resume";
    this.#changed([]);
  }

  async #readOlder() {
    const feed = this.#feed;
    if (!(await readOlder(feed, this.#older))) return this.#say("The older events could not be read. Please try again.");
    const first = this.#held?.[0];
    if (first) this.#held = feed.events.slice(feed.events.findIndex((e) => e.id === first.id));
    this.#draw();
    this.#say(counted(feed.events.length, "event"));
  }
}
