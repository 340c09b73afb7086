// <session-notice>: tells the user of an app that the session has ended, by whom and why, and warns before it runs out.
// Until then nothing of it is seen. docs/sdk.md shows how to use it.
import { ago, byAnother, deviceName, headline, left, plain, program, verdict, when, worthSaying } from "./words.js";
import { button, h, painted, row, style } from "./notice-parts.js";

/** @import { Connection, Notice, Proof, Session, State, Warning } from "./types.d.ts" */

// Where there is no page, as on a server that renders one, the module can be imported and does nothing.
const Base = globalThis.HTMLElement ?? /** @type {any} */ (class {});

/**
 * The element. Give it the connection; it takes care of the rest, and dispatches `session-was-me`, `session-report`,
 * `session-reported` and `session-sign-in`. An app that reports or signs in by itself cancels these two. The `detail` of
 * each holds the `notice`.
 */
export class SessionNotice extends Base {
  // What must not be overlooked is in a dialog, the rest beside the page. One of them is empty at any time.
  #box = h("dialog", {
    part: "dialog", role: "alertdialog", "aria-labelledby": "title", "aria-describedby": "text",
    cancel: (/** @type {Event} */ event) => this.#escape(event), close: () => this.#box.open || this.#back?.(),
  });
  #bar = h("div", {
    part: "bar", role: "region", "aria-labelledby": "title", popover: "manual", hidden: true,
    focusin: (/** @type {FocusEvent} */ event) => this.#enter(event),
  });
  #alert = h("p", { class: "spoken", role: "alert" });
  #status = h("p", { class: "spoken", role: "status" });

  /** @type {Connection | undefined} */ #connection;
  /** @type {(() => void)[]} */ #offs = []; // take the listeners away
  /** @type {Notice | undefined} */ #notice; // why it is over
  /** @type {(() => void) | undefined} */ #back; // where Escape leads from this step
  /** @type {HTMLElement | undefined} */ #before; // had the focus before it came into the bar
  #until = 0; // the session runs out then, by this device's clock; 0 is not soon
  #staying = false; // the user has asked to

  constructor() {
    super();
    const root = this.attachShadow({ mode: "open" });
    root.adoptedStyleSheets = [style()];
    root.append(this.#box, this.#bar, this.#alert, this.#status);
  }

  /** The connection it tells of, as `connect` returns it. With another one, what it has told is taken back. */
  get connection() {
    return this.#connection;
  }

  set connection(connection) {
    this.#leave();
    this.#connection = connection;
    if (this.isConnected) this.#join();
  }

  connectedCallback() {
    const { connection } = this;
    if (Object.hasOwn(this, "connection")) { // set before it had the element's class
      delete (/** @type {any} */ (this).connection);
      this.connection = connection;
    } else this.#join();
  }

  disconnectedCallback() {
    this.#leave();
  }

  #join() {
    const hub = this.#connection;
    if (!hub || this.#offs.length) return;
    this.#offs = [
      hub.on("revoked", (notice) => this.#ended(notice)),
      hub.on("state", (state) => this.#changed(state)),
      hub.on("expiring", (warning) => this.#warn(warning)),
      hub.on("renewed", () => this.#calm("You stay signed in.")),
      hub.on("welcome", () => this.#calm()), // the hub warns once more if there is need
    ];
    if (hub.state.notice) this.#ended(hub.state.notice);
    else if (hub.warning) this.#warn(hub.warning);
    else this.#changed(hub.state);
  }

  #leave() {
    for (const off of this.#offs) off();
    this.#offs = [];
    this.#notice = undefined;
    this.#hide();
  }

  /** @param {Notice} notice @returns {Promise<unknown> | void} kept once it can be seen */
  #ended(notice) {
    this.#calm();
    if (notice.reason === "signed_out" && this.#connection?.leaving) return; // by the app itself
    this.#notice = notice;
    this.#tellWhy(notice);
    return painted();
  }

  /** @param {State} state */
  #changed({ name }) {
    if (name === "closed") this.#calm();
    if (name === "failed") this.#tellBroken();
    if (name === "live" && this.#staying) this.#connection?.activity();
  }

  /** The first step: what has happened, and the ways on. @param {Notice} notice */
  #tellWhy(notice) {
    const { title, text } = headline(notice);
    const other = byAnother(notice);
    const again = () => this.#tellWhy(notice);
    this.#back = () => this.#rest(again);
    this.#show(true, title,
      h("p", { id: "text", dir: "auto" }, text),
      this.#facts(notice),
      other && h("p", { class: "question" }, "Was that you?"),
      other && row(
        button("It was me", () => this.#tell("session-was-me") && this.#rest(again)),
        button("It was not me", () => this.#startReport(notice)),
      ),
      row(this.#signInButton(), !other && button("Close", this.#back)));
  }

  /** @param {Pick<Notice, "by"> & Partial<Notice>} of */
  #facts({ by, at }) {
    /** @param {string} name @param {Node} value */
    const fact = (name, value) => h("div", {}, h("dt", {}, name), h("dd", {}, value));
    const time = h("time", { dateTime: at ?? "" });
    const refresh = () => {
      time.textContent = `${when(at ?? "", "")}, ${ago(at ?? "")}`;
      setTimeout(() => time.isConnected && refresh(), 20_000);
    };
    if (at) refresh();
    const [name, browser] = [deviceName(by, "Unknown"), program(by?.client)];
    const guessed = name === program({ ...by?.client, browser_version: "", system_version: "" });
    const facts = h("dl", { part: "facts" },
      by && fact("Device", h("bdi", {}, guessed ? browser : name)),
      browser && !guessed && fact("Browser", h("bdi", {}, browser)),
      by?.ip && fact("Address", h("bdi", {}, plain(by.ip))),
      at && fact("When", time));
    return facts.hasChildNodes() && facts;
  }

  /** "It was not me": the app's business, if it wants it to be. @param {Notice} notice */
  #startReport(notice) {
    const report = (/** @type {Proof} */ proof) => this.#report(proof);
    if (!this.#tell("session-report", { report })) this.#rest(() => this.#tellWhy(notice));
    else if (this.hasAttribute("no-password")) this.#tellOutcome(verdict({ status: 404 }));
    else this.#askPassword(notice);
  }

  /** @param {Notice} notice */
  #askPassword(notice) {
    const input = h("input", {
      id: "password", type: "password", name: "password", autocomplete: "current-password", maxLength: 1024,
      required: true, "aria-describedby": "text problem",
    });
    const user = h("input", {
      type: "text", name: "username", autocomplete: "username", value: this.#connection?.session?.user ?? "", hidden: true,
    });
    const problem = h("p", { id: "problem", class: "problem", role: "alert", hidden: true });
    const send = h("button", { class: "primary", part: "button primary" }, "Sign it out");
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      send.disabled = problem.hidden = true;
      const { title, text } = await this.#report({ password: input.value });
      if (title) return; // another step has come
      send.disabled = problem.hidden = false;
      problem.textContent = text;
      input.select();
      input.focus();
    };
    this.#back = () => this.#tellWhy(notice);
    this.#show(true, "Sign the other device out",
      h("p", { id: "text" }, "To be sure that it is you who asks, your password is needed once more. Then ",
        h("bdi", {}, deviceName(notice.by)), " is signed out at once, and its sign-in is reported."),
      h("form", { submit },
        user, h("label", { htmlFor: "password" }, "Password"), input, problem, row(send, button("Back", this.#back))),
      row(this.#signInButton("")));
  }

  /** @param {Proof} proof */
  async #report(proof) {
    const hub = this.#connection;
    const answer = await hub?.report(proof).catch(() => undefined);
    const outcome = verdict(answer);
    if (outcome.title && hub === this.#connection) this.#tellOutcome(outcome, answer?.body);
    if (answer?.status === 200) this.#tell("session-reported", { answer: answer.body });
    return outcome;
  }

  /** The last step. @param {ReturnType<typeof verdict>} outcome @param {any} [answer] the hub's, if it has done it */
  #tellOutcome({ title = "", text }, answer) {
    /** @type {Session[]} */ const others = answer?.sessions ?? [];
    const shown = others.slice(0, 5);
    const list = h("ul", {}, ...shown.map((s) => h("li", {}, h("bdi", {}, deviceName(s)),
      h("span", {}, h("bdi", {}, program(s.client)), program(s.client) && ", ",
        h("bdi", {}, plain(s.ip) || "address unknown"), `, last active ${ago(s.last_active_at)}`))));
    if (others.length > shown.length) list.append(h("li", {}, `and ${others.length - shown.length} more`));
    this.#back = () => this.#rest(() => this.#tellOutcome({ title, text }, answer));
    this.#show(true, title,
      h("p", { id: "text" }, text),
      answer?.session && this.#facts({ by: answer.session }),
      shown.length > 0 && h("h3", {}, "Also signed in to your account"),
      shown.length > 0 && list,
      shown.length > 0 && h("p", {}, "If you do not know one of these, sign in again and end it."),
      answer?.session && !shown.length && h("p", {}, "Nothing else is signed in to your account."),
      row(this.#signInButton(), button("Close", this.#back)));
  }

  /** The session may live, but the hub and this page do not understand each other any more. */
  #tellBroken() {
    this.#back = () => this.#hide();
    this.#show(true, "This page has lost its connection",
      h("p", { id: "text" }, "It can no longer tell you when you are signed out. Reload it to go on."),
      row(button("Reload", () => location.reload(), "primary"), button("Close", this.#back)));
  }

  /** It is known: leaves the app to be read, and stays in a corner. @param {() => void} again */
  #rest(again) {
    this.#back = undefined;
    this.#show(false, "You are signed out here", row(this.#signInButton(), button("Details", again)));
    this.#status.textContent = "You are signed out here.";
  }

  #signInButton(look = "primary") {
    return button("Sign in again", () => {
      if (!this.#tell("session-sign-in")) return this.#hide(); // the app does it
      const back = encodeURIComponent(location.pathname + location.search);
      const to = new URL(this.getAttribute("sign-in") ?? `/sign-in?return=${back}#again`, document.baseURI);
      if (/^https?:$/.test(to.protocol)) location.assign(to);
    }, look);
  }

  /** @param {Warning} warning */
  #warn({ until }) {
    const known = this.#until;
    this.#until = until;
    if (known || this.#notice) return; // what counts already counts to that
    const timer = h("span", { role: "timer" });
    const text = h("p", { id: "text" }, "Nothing has happened here for a while. You will be signed out in ", timer, ".");
    const stay = () => {
      this.#staying = true;
      text.textContent = "One moment…";
      this.#connection?.wake();
      this.#connection?.activity();
    };
    // What is beside a modal dialog of the app's could not be reached.
    const modal = document.querySelector("dialog:modal") !== null;
    this.#back = modal ? stay : undefined;
    this.#show(modal, "Are you still there?", text, row(button("Stay signed in", stay, "primary")));
    this.#alert.textContent = `You will be signed out in ${left(until - Date.now())}, as nothing has happened here for a ` +
      "while. There is a button to stay signed in.";
    this.#count(timer, text, Infinity);
  }

  /**
   * Counts down, by a clock that all tabs share.
   * @param {HTMLElement} timer @param {HTMLElement} text @param {number} before ms that were left the last time
   */
  #count(timer, text, before) {
    const rest = this.#until - Date.now();
    timer.textContent = left(rest);
    if (before < Infinity && worthSaying(before, rest)) this.#alert.textContent = `${left(rest)} left to stay signed in.`;
    if (rest <= 0) return void (text.textContent = "Your time is up. One moment…"); // the hub is about to say so
    setTimeout(() => timer.isConnected && this.#count(timer, text, rest), rest % 1000 || 1000);
  }

  /** There is nothing to warn of any more. @param {string} [say] */
  #calm(say = "") {
    if (!this.#until) return;
    this.#hide();
    this.#status.textContent = say;
  }

  /**
   * Shows something in place of what there is. A screen reader goes to the dialog's heading, and its description says
   * the rest; the bar takes no focus.
   * @param {boolean} modal @param {string} title @param {...(Node | false | undefined)} content
   */
  #show(modal, title, ...content) {
    const heading = h("h2", { id: "title", part: "title", tabIndex: -1 }, title);
    this.#emptyBar();
    if (!modal) {
      this.#box.close();
      this.#box.replaceChildren();
      this.#bar.replaceChildren(h("div", {}, heading, ...content));
      this.#bar.hidden = false;
      this.#bar.showPopover();
      return;
    }
    this.#box.replaceChildren(h("div", {}, heading, ...content));
    if (!this.#box.open) this.#box.showModal();
    const field = /** @type {HTMLElement | null} */ (this.#box.querySelector("input:not([hidden])"));
    (field ?? heading).focus();
  }

  #hide() {
    this.#until = 0;
    this.#staying = false;
    this.#back = undefined;
    this.#alert.textContent = this.#status.textContent = "";
    this.#emptyBar();
    this.#box.close();
    this.#box.replaceChildren();
  }

  /** Empties the bar. If it had the focus, whatever had it before has it again. */
  #emptyBar() {
    const focused = this.#bar.contains(this.shadowRoot?.activeElement ?? null);
    if (!this.#bar.hidden) this.#bar.hidePopover();
    this.#bar.hidden = true;
    this.#bar.replaceChildren();
    if (focused) this.#before?.focus();
  }

  /** @param {FocusEvent} event */
  #enter({ relatedTarget }) {
    const before = /** @type {HTMLElement | null} */ (relatedTarget);
    if (!this.#bar.contains(before)) this.#before = before ?? undefined;
  }

  /** @param {Event} event */
  #escape(event) {
    event.preventDefault();
    this.#back?.();
  }

  /** @param {string} type @param {object} [more] @returns {boolean} whether the app leaves it to the element */
  #tell(type, more) {
    const detail = { notice: this.#notice, ...more };
    return this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

if (globalThis.customElements && !customElements.get("session-notice")) {
  customElements.define("session-notice", SessionNotice);
}
