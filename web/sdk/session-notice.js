// <session-notice>: tells the user of an app that the session has ended, by whom and why, and warns before it runs out.
// Until then nothing of it is seen. docs/sdk.md shows how to use it.
import { byAnother, plain, worthSaying } from "./words.js";
import { button, devices, facts, h, painted, row, style, toProvider } from "./notice-parts.js";
import { Language, faults } from "./notice-texts.js";

/**
 * @import { Connection, Notice, Proof, Session, State, Warning } from "./types.d.ts"
 * @import { Texts } from "./notice-texts.js"
 */

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
  /** @type {Texts | undefined} */ #texts;
  #words = new Language();

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

  /**
   * What the element says, in the app's own words: any of the texts of notice-texts.js. Their language is that of the
   * element or what is around it, by `lang`. They are used from the next thing on that is said.
   */
  get texts() {
    return this.#texts;
  }

  set texts(texts) {
    for (const fault of faults(texts ?? {})) console.warn(`session-notice, texts: ${fault}`);
    this.#texts = texts;
  }

  connectedCallback() {
    for (const name of /** @type {const} */ (["texts", "connection"])) { // set before it had the element's class
      if (!Object.hasOwn(this, name)) continue;
      const value = this[name];
      delete (/** @type {any} */ (this)[name]);
      /** @type {any} */ (this)[name] = value;
    }
    this.#join();
  }

  disconnectedCallback() {
    this.#leave();
  }

  #join() {
    const hub = this.#connection;
    if (!hub || this.#offs.length) return;
    this.#speak();
    this.#offs = [
      hub.on("revoked", (notice) => this.#ended(notice)),
      hub.on("state", (state) => this.#changed(state)),
      hub.on("expiring", (warning) => this.#warn(warning)),
      hub.on("renewed", () => this.#calm(this.#words.say("stayed"))),
      hub.on("welcome", () => this.#calm()), // the hub warns once more if there is need
    ];
    if (hub.state.notice) this.#ended(hub.state.notice);
    else if (hub.warning) this.#warn(hub.warning);
    else this.#changed(hub.state);
  }

  /** Finds the language: that of the texts which the app has given, or English. */
  #speak() {
    const around = this.#texts && (this.closest("[lang]") ?? document.documentElement).getAttribute("lang");
    const words = (this.#words = new Language(this.#texts, this.lang || around || ""));
    for (const part of [this.#box, this.#bar, this.#alert, this.#status]) {
      part.lang = words.lang;
      part.dir = this.dir || "auto";
    }
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
    this.#speak();
    const words = this.#words;
    const { title, text } = words.headline(notice);
    const other = byAnother(notice);
    const again = () => this.#tellWhy(notice);
    this.#back = () => this.#rest(again);
    this.#show(true, title,
      h("p", { id: "text", dir: "auto" }, text),
      facts(words, notice),
      other && h("p", { class: "question" }, words.say("was_that_you")),
      other && row(
        button(words.say("was_me"), () => this.#tell("session-was-me") && this.#rest(again)),
        button(words.say("was_not_me"), () => this.#startReport(notice)),
      ),
      row(this.#signInButton(), !other && button(words.say("close"), this.#back)));
  }

  /**
   * Reports who has ended the session, with what proves that its user does: for an app, or a page to which the user comes
   * back from the provider. What comes of it is shown.
   * @param {Proof} proof
   */
  async report(proof) {
    const { answer, outcome } = await this.#report(proof);
    if (!outcome.title && this.#notice) this.#startReport(this.#notice, outcome.text);
    return answer;
  }

  /** "It was not me": the app's business, if it wants it to be. @param {Notice} notice @param {string} [problem] */
  async #startReport(notice, problem) {
    const report = (/** @type {Proof} */ proof) => this.#report(proof);
    if (!problem && !this.#tell("session-report", { report })) return this.#rest(() => this.#tellWhy(notice));
    const hub = this.#connection;
    const step = this.#box.firstChild;
    const silence = new Promise((resolve) => setTimeout(resolve, 3000));
    const answer = await Promise.race([hub?.report().catch(() => undefined), silence]);
    if (hub !== this.#connection || step !== this.#box.firstChild) return; // it, or its user, has gone on meanwhile
    if (!(answer?.status < 500)) return this.#askLater(notice); // nobody gives a password that may not be asked for
    // An older hub does not say what it takes.
    const { password = !this.hasAttribute("no-password"), provider = "", start = "" } =
      answer.status === 200 ? answer.body : {};
    if (password || start) this.#askProof(notice, { password, provider: plain(provider), start }, problem);
    else this.#tellOutcome(this.#words.verdict({ status: 404 }));
  }

  /** The hub does not say what it takes as a proof. @param {Notice} notice */
  #askLater(notice) {
    const words = this.#words;
    this.#back = () => this.#tellWhy(notice);
    this.#show(true, words.pair("prove").title,
      h("p", { id: "text", class: "problem" }, words.say("no_answer")),
      row(button(words.say("was_not_me"), () => this.#startReport(notice), "primary"), button(words.say("back"), this.#back)),
      row(this.#signInButton("")));
  }

  /**
   * @param {Notice} notice
   * @param {{ password: boolean, provider: string, start: string }} ways
   * @param {string} [said] why it is asked again
   */
  #askProof(notice, { password, provider, start }, said = "") {
    const words = this.#words;
    const step = password ? "prove" : "prove_at_provider";
    const problem = h("p", { id: "problem", class: "problem", role: "alert", hidden: !said }, said);
    const name = (/** @type {string} */ text) => h("bdi", {}, text);
    this.#back = () => this.#tellWhy(notice);
    const back = button(words.say("back"), this.#back);
    const leave = start && button(words.say("provider", { provider }), () => toProvider(start), password ? "" : "primary");
    this.#show(true, words.pair(step).title,
      h("p", { id: "text" },
        ...words.parts(step, { device: name(words.device(notice.by).name), provider: name(provider) })),
      password ? this.#passwordForm(problem, back) : problem,
      row(leave || false, !password && back, this.#signInButton("")));
  }

  /** @param {HTMLElement} problem @param {HTMLElement} back */
  #passwordForm(problem, back) {
    const words = this.#words;
    const input = h("input", {
      id: "password", type: "password", name: "password", autocomplete: "current-password", maxLength: 1024,
      required: true, "aria-describedby": "text problem",
    });
    const user = h("input", {
      type: "text", name: "username", autocomplete: "username", value: this.#connection?.session?.user ?? "", hidden: true,
    });
    const send = h("button", { class: "primary", part: "button primary" }, words.say("send"));
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      send.disabled = problem.hidden = true;
      const { title, text } = (await this.#report({ password: input.value })).outcome;
      if (title) return; // another step has come
      send.disabled = problem.hidden = false;
      problem.textContent = text;
      input.select();
      input.focus();
    };
    return h("form", { submit },
      user, h("label", { htmlFor: "password" }, words.say("password")), input, problem, row(send, back));
  }

  /** @param {Proof} proof */
  async #report(proof) {
    const hub = this.#connection;
    const answer = await hub?.report(proof).catch(() => undefined);
    const outcome = this.#words.verdict(answer);
    if (outcome.title && hub === this.#connection) this.#tellOutcome(outcome, answer?.body);
    if (answer?.status === 200) this.#tell("session-reported", { answer: answer.body });
    return { answer, outcome };
  }

  /** The last step. @param {{ title?: string, text: string }} outcome @param {any} [answer] the hub's, if it has done it */
  #tellOutcome({ title = "", text }, answer) {
    /** @type {Session[]} */ const others = answer?.sessions ?? [];
    const words = this.#words;
    this.#back = () => this.#rest(() => this.#tellOutcome({ title, text }, answer));
    this.#show(true, title,
      h("p", { id: "text" }, text),
      answer?.session && facts(words, { by: answer.session }),
      others.length > 0 && h("h3", {}, words.say("others")),
      others.length > 0 && devices(words, others),
      others.length > 0 && h("p", {}, words.say("others_hint")),
      answer?.session && !others.length && h("p", {}, words.say("no_others")),
      row(this.#signInButton(), button(words.say("close"), this.#back)));
  }

  /** The session may live, but the hub and this page do not understand each other any more. */
  #tellBroken() {
    this.#back = () => this.#hide();
    this.#speak();
    const words = this.#words;
    const { title, text } = words.pair("broken");
    this.#show(true, title, h("p", { id: "text" }, text),
      row(button(words.say("reload"), () => location.reload(), "primary"), button(words.say("close"), this.#back)));
  }

  /** It is known: leaves the app to be read, and stays in a corner. @param {() => void} again */
  #rest(again) {
    this.#back = undefined;
    const resting = this.#words.say("resting");
    this.#show(false, resting, row(this.#signInButton(), button(this.#words.say("details"), again)));
    this.#status.textContent = resting;
  }

  #signInButton(look = "primary") {
    return button(this.#words.say("sign_in"), () => {
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
    this.#speak();
    const words = this.#words;
    const timer = h("span", { role: "timer" });
    const text = h("p", { id: "text" }, ...words.parts("idling", { time: timer }));
    const stay = () => {
      this.#staying = true;
      text.textContent = words.say("one_moment");
      this.#connection?.wake();
      this.#connection?.activity();
    };
    // What is beside a modal dialog of the app's could not be reached.
    const modal = document.querySelector("dialog:modal") !== null;
    this.#back = modal ? stay : undefined;
    this.#show(modal, words.pair("idling").title, text, row(button(words.say("stay"), stay, "primary")));
    this.#alert.textContent = words.say("idling_spoken", { time: words.left(until - Date.now()) });
    this.#count(timer, text, Infinity);
  }

  /**
   * Counts down, by a clock that all tabs share.
   * @param {HTMLElement} timer @param {HTMLElement} text @param {number} before ms that were left the last time
   */
  #count(timer, text, before) {
    const rest = this.#until - Date.now();
    const words = this.#words;
    const time = (timer.textContent = words.left(rest));
    if (before < Infinity && worthSaying(before, rest)) this.#alert.textContent = words.say("left_spoken", { time });
    if (rest <= 0) return void (text.textContent = words.say("time_up")); // the hub is about to say so
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
