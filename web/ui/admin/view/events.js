// The event feed: newest first, live, filtered. While somebody reads further down, or has paused it, it stands still
// and says how many have come.
import { plain } from "/sdk/words.js";
import { h } from "../../lib/dom.js";
import { Feed, MOST, TYPES, moment } from "../model/feed.js";
import { NoAnswer } from "../model/link.js";
import { Details } from "./details.js";
import { briefly, device, eventFacts, exactly, foreign, userLink, what } from "./facts.js";
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
  const none = h("p", { class: "quiet none", hidden: true });
  /** @param {Event[]} events @param {string} otherwise is said if there are none */
  const show = (events, otherwise) => {
    rows.element.hidden = events.length === 0 && otherwise !== "";
    none.hidden = !rows.element.hidden;
    none.textContent = otherwise;
    rows.set(events);
  };
  return { rows, details, show, element: h("div", { class: "with-details" }, rows.element, none, details.element) };
}

/** How long nobody types before what has been typed counts, in ms. */
const TYPING = 600;

/** With this a browser takes a year for whole after four digits, and goes on to the time. */
const LATEST = "9999-12-31T23:59";

const OLDER = "Load older events";

/**
 * Has a feed read what is older.
 * @param {Feed} feed
 * @param {HTMLButtonElement} button
 * @returns {Promise<boolean>} whether it could
 */
async function readOlder(feed, button) {
  button.disabled = true;
  button.textContent = "Loading older events…";
  try {
    await feed.readOlder();
    return true;
  } catch (error) {
    if (error instanceof NoAnswer) return false;
    throw error;
  } finally {
    button.disabled = false;
    button.textContent = OLDER;
  }
}

/**
 * Says that there are no events, if that is known.
 * @param {Feed} feed
 * @param {string} none
 */
function noneWords({ state, older, refused }, none) {
  if (state === "loading" || refused) return "";
  return older ? "None among the latest. Older ones may be there." : none;
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
    this.#list.show([], "");
    this.#older.hidden = true;
  }

  /** @param {Feed} feed */
  show(feed) {
    this.#feed = feed;
    this.#list.show(feed.events, noneWords(feed, "None that the log still holds. Names must be exact, capital letters too."));
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
  #since = h("input", { id: "events-since", type: "datetime-local", max: LATEST, change: () => this.#soon() });
  #until = h("input", { id: "events-until", type: "datetime-local", max: LATEST, change: () => this.#soon() });
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;
  #clear = h("button", { type: "button", class: "clear", hidden: true, click: () => this.#clearFilters() }, "Clear filters");
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
        field("Reason", this.#reason), field("User", this.#user), field("Since", this.#since),
        field("Until", this.#until)),
      h("div", { class: "feed-bar" }, this.#state, this.#news, this.#clear, this.#pause),
      this.#list.element, this.#older);
    this.#feed = this.#open();
  }

  /** Ends it. */
  close() {
    clearTimeout(this.#typing);
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
    const only = { type: this.#type.value, reason: this.#reason.value, user: this.#user.value,
      since: moment(this.#since.value), until: moment(this.#until.value, true) };
    this.#clear.hidden = !Object.values(only).some(Boolean);
    this.#pause.hidden = only.until !== "";
    return new Feed(this.#link, only, (came) => this.#changed(came));
  }

  /** Follows another part of the log, once a time is there that nobody is about to complete. */
  #soon() {
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#follow(), TYPING);
  }

  /** Follows another part of the log. */
  #follow() {
    clearTimeout(this.#typing);
    this.#feed.close();
    this.#feed = this.#open();
    this.#list.details.hide();
    this.#list.rows.toTop();
    this.#unsaid = true;
    this.#changed([]);
  }

  #clearFilters() {
    this.#type.value = this.#reason.value = this.#user.value = this.#since.value = this.#until.value = "";
    this.#follow();
    this.#type.focus();
  }

  /** @param {Event[]} came newest first */
  #changed(came) {
    if (!this.#feed) return; // it is being made
    if (came.length) this.#seen([...new Set(came.map((e) => e.user))]);
    const { events, state, refused } = this.#feed;
    if ((state === "live" || state === "waiting") && (this.#paused || this.#list.rows.scrolled)) {
      this.#held ??= events.slice(came.length);
      this.#waiting += came.length;
    } else {
      this.#held = undefined;
      this.#waiting = 0;
    }
    this.#draw();
    if (this.#unsaid && (refused || state === "live" || state === "past")) {
      this.#unsaid = false;
      this.#say(plain(refused, 200) || counted(events.length, "event"));
    }
  }

  /** The user has scrolled: at the top, what has come is shown. */
  #moved() {
    if (this.#held && !this.#paused && !this.#list.rows.scrolled) this.#changed([]);
  }

  #draw() {
    const shown = this.#held ?? this.#feed.events;
    this.#list.show(shown, noneWords(this.#feed, this.#clear.hidden ? "Nothing has happened yet: events are shown here as they come."
      : "No event matches the filters."));
    this.#news.hidden = this.#waiting === 0;
    this.#news.textContent = `${this.#waiting.toLocaleString()} new`;
    this.#older.hidden = !this.#feed.older || this.#feed.events.length >= MOST;
    this.#state.textContent = this.#stateWords(shown.length);
    this.#state.dataset.state = this.#paused && this.#feed.state !== "past" ? "paused" : this.#feed.state;
  }

  /** @param {number} shown */
  #stateWords(shown) {
    const { state, events, trimmed, refused } = this.#feed;
    if (refused) return plain(refused, 200);
    if (state === "loading") return shown ? `Loading… ${counted(shown, "event")}` : "Loading…";
    if (state === "past") return `Not live · ${counted(shown, "event")} until ${exactly(this.#feed.only.until)}`;
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
