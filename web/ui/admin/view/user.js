// One user: who is signed in where, what has ended and why, and the means to end it.
import { ago, plain, program } from "/sdk/words.js";
import { $, h, renew } from "../../lib/dom.js";
import { Person } from "../model/person.js";
import { Details } from "./details.js";
import { askToEnd } from "./ending.js";
import { UserEvents } from "./events.js";
import { briefly, device, exactly, foreign, sessionFacts } from "./facts.js";
import { counted, limitWords, reasonWords, receiptWords } from "./phrases.js";
import { Rows } from "./rows.js";

/** @import { Link } from "../model/link.js" */
/** @import { EndedSession, LiveSession } from "../model/person.js" */

/** From so many sessions on they can be filtered. */
const MANY = 6;

/** Shows a user. */
export class User {
  #link;
  #say;
  /** @type {Person | undefined} */
  #person;
  #events = new UserEvents();
  #details = new Details("h4", () => this.#rows.focus());
  /** @type {string | undefined} */
  #opened;
  #filter = h("input", { id: "sessions-filter", type: "search", autocomplete: "off", input: () => this.#draw(),
    placeholder: "Device, browser, address…" });
  /** @type {Rows<LiveSession>} */
  #rows = new Rows({
    label: "Live sessions",
    columns: [
      { name: "where", title: "Device", render: device },
      { name: "address", title: "Address", render: (s) => foreign(s.ip) },
      { name: "active", title: "Last active", render: (s) => h("span", { title: exactly(s.last_active_at) }, ago(s.last_active_at, this.#person?.now)) },
      { name: "connected", title: "Connected", render: connected },
      { name: "end", title: "End", render: () => h("button", { type: "button", tabIndex: -1 }, "End…") },
    ],
    key: (s) => s.id,
    press: (s) => this.#askOne(s),
    open: (s) => this.#show(s),
  });

  /**
   * @param {Link} link
   * @param {(words: string) => void} say says something to those who do not see the page
   */
  constructor(link, say) {
    this.#link = link;
    this.#say = say;
    $("user-sessions").replaceChildren(h("div", { class: "with-details" }, this.#rows.element, this.#details.element));
    $("user-filter").replaceChildren(h("label", { htmlFor: this.#filter.id }, "Filter"), this.#filter);
    $("user-events").replaceChildren(this.#events.element);
    $("end-all").onclick = () => this.#askAll();
  }

  /** Ends it. */
  close() {
    this.#person?.close();
    this.#person = undefined;
  }

  /** Asks anew, now that the hub is there again. */
  refresh() {
    this.#person?.refresh(0);
    this.#person?.feed.refresh();
  }

  /** @param {string} user empty is nobody */
  find(user) {
    if (this.#person?.user === user) return;
    this.close();
    this.#details.hide();
    this.#events.clear();
    this.#filter.value = "";
    $("end-question").replaceChildren();
    $("end-result").replaceChildren();
    $("user-none").hidden = user !== "";
    $("user-some").hidden = user === "";
    $("user-name").textContent = plain(user);
    // A browser takes these for steps in the path, however they are written.
    if (user === "." || user === "..") return this.#refuse("No browser can ask for this name. Use the API.");
    this.#person = user ? new Person(this.#link, user, () => this.#draw()) : undefined;
    this.#draw();
  }

  /** @param {string} words */
  #refuse(words) {
    $("user-refused").textContent = words;
    $("user-refused").hidden = words === "";
    $("user-found").hidden = words !== "";
  }

  #draw() {
    const person = this.#person;
    if (!person) return;
    this.#refuse(person.refused);
    $("user-found").toggleAttribute("aria-busy", person.heardAt === 0);
    const all = person.sessions;
    const wanted = this.#filter.value.trim().toLowerCase();
    const shown = wanted ? all.filter((s) => searched(s).includes(wanted)) : all;
    $("user-count").textContent = person.heardAt === 0 ? "…" : counts(shown.length, all.length);
    $("user-limit").textContent = person.limits ? limitWords(person.limits) : "";
    $("user-filter").hidden = all.length < MANY && !wanted;
    $("user-empty").hidden = all.length > 0 || person.heardAt === 0;
    $("user-sessions").hidden = all.length === 0;
    $("end-all").hidden = all.length === 0;
    $("end-all").textContent = all.length === 1 ? "End the session…" : `End all ${all.length.toLocaleString()}…`;
    this.#rows.set(shown);
    const opened = all.find((s) => s.id === this.#opened);
    if (opened) this.#details.renew(...this.#facts(opened));
    else if (this.#opened) this.#gone();
    renew($("user-ended"), ...person.ended.map(ended));
    $("user-ended-none").hidden = person.ended.length > 0;
    this.#events.show(person.feed);
  }

  /** @param {LiveSession} session */
  #show(session) {
    this.#opened = session.id;
    this.#details.show(plain(session.device.name) || "Session", ...this.#facts(session));
  }

  /** @param {LiveSession} session */
  #facts(session) {
    const end = () => this.#askOne(this.#person?.sessions.find((s) => s.id === session.id) ?? session);
    return [sessionFacts(session), h("button", { type: "button", class: "danger", click: end }, "End this session…")];
  }

  /** What is shown in detail has ended meanwhile. A result that is shown stays. */
  #gone() {
    this.#opened = undefined;
    const inside = this.#details.element.contains(document.activeElement);
    this.#details.hide();
    if (inside) this.#rows.focus();
  }

  /** @param {LiveSession} session */
  #askOne(session) {
    this.#opened = undefined;
    this.#ask(session, () => this.#rows.focus());
  }

  #askAll() {
    this.#ask(undefined, () => ($("end-all").hidden ? $("user-title") : $("end-all")).focus());
  }

  /**
   * @param {LiveSession | undefined} session
   * @param {() => void} back goes to where the user was
   */
  #ask(session, back) {
    const person = this.#person;
    if (!person) return;
    const { form, focus } = askToEnd(person, session, (result, words) => {
      $("end-question").replaceChildren();
      $("end-result").replaceChildren(...(result ? [result] : []));
      this.#details.hide();
      this.#say(words);
      back();
    });
    $("end-result").replaceChildren();
    $("end-question").replaceChildren(form);
    focus();
  }
}

/** @param {number} shown @param {number} all */
function counts(shown, all) {
  return shown === all ? all.toLocaleString() : `${shown.toLocaleString()} of ${all.toLocaleString()}`;
}

/** @param {LiveSession} session @returns {string} what a filter looks at */
function searched(session) {
  return [session.device.name, program(session.client), session.ip, session.user_agent, session.id,
    ...session.instances.map(({ id }) => id)].join("\n").toLowerCase();
}

/** @param {LiveSession} session */
function connected({ connections, instances }) {
  if (connections === 0) return h("span", { class: "connected" }, "Not connected");
  const where = instances.map(({ id }) => plain(id)).join(", ");
  return h("span", { class: "connected live", title: where }, h("span", { class: "dot", ariaHidden: "true" }),
    h("span", {}, `${counted(connections, "connection")}`, h("small", {}, ` at ${where}`)));
}

/** @param {EndedSession} session */
function ended(session) {
  const { reason, at, by, message, receipt, reported_at: reported } = session;
  const device = plain(by?.device?.name);
  const told = receiptWords(session);
  return h("li", { "data-key": session.id },
    h("p", { class: "ended-device" }, foreign(session.device.name || "Unknown device"),
      h("small", {}, plain(session.ip))),
    h("p", {}, reasonWords(reason), at ? h("span", { title: exactly(at) }, `, ${briefly(at)}`) : "",
      h("small", {}, device || by?.ip ? h("span", {}, "by ", foreign(by?.device?.name || "another device"), by?.ip ? `, ${plain(by.ip)}` : "") : ""),
      reason === "ended_by_admin" && h("small", {}, "Message: ", foreign(message, 500))),
    h("p", { class: receipt ? "told" : "untold" }, told,
      !!reported && h("small", { class: "reported" }, `Reported as not me, ${exactly(reported)}`)));
}
