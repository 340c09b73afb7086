// What <session-notice> is made of: its style, and elements and text, never markup in a string.
import { plain } from "./words.js";

/**
 * @import { Notice, Session } from "./types.d.ts"
 * @import { Language } from "./notice-texts.js"
 */

const STYLE = `
:host {
  --ground: var(--session-notice-ground, light-dark(#ffffff, #1e2427));
  --ink: var(--session-notice-ink, light-dark(#23282b, #e6e9ea));
  --quiet: var(--session-notice-quiet, light-dark(#5b656a, #a3adb1));
  --line: var(--session-notice-line, light-dark(#d9d8d2, #363e42));
  --accent: var(--session-notice-accent, light-dark(#2a6762, #7fc4bc));
  --accent-ink: var(--session-notice-accent-ink, light-dark(#ffffff, #10201e));
  --bad: light-dark(#a5382f, #f0938a);
  --bad-ground: light-dark(#fbeeec, #3a2422);
  display: contents;
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
dialog, [popover] {
  inset: auto;
  width: min(26rem, 100vw - 2rem);
  max-height: calc(100dvh - 2rem);
  margin: auto;
  padding: 1.5rem;
  overflow: auto;
  overscroll-behavior: contain;
  border: 1px solid var(--line);
  border-radius: 1rem;
  background: var(--ground);
  color: var(--ink);
  font: 1rem/1.5 var(--session-notice-font, system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif);
  text-align: start;
  overflow-wrap: anywhere;
  box-shadow: 0 1px 2px rgb(0 0 0 / 12%), 0 12px 40px rgb(0 0 0 / 18%);
}
dialog { inset: 0; }
dialog::backdrop { background: rgb(20 25 28 / 55%); }
[popover] { position: fixed; inset-block-end: 1rem; inset-inline-end: 1rem; padding: 1.125rem 1.25rem; }
@media (prefers-reduced-motion: no-preference) {
  dialog[open], [popover] { animation: come .18s ease-out; }
  @keyframes come { from { opacity: 0; translate: 0 .5rem; } }
}
h2 { margin: 0 0 .5rem; font-size: 1.25rem; line-height: 1.3; text-wrap: balance; }
[popover] h2 { font-size: 1.0625rem; margin-bottom: .25rem; }
[popover] h2 + .row { margin-block-start: .75rem; }
[popover] button { flex-basis: 7rem; }
h2:focus { outline: none; }
h3 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: 0 0 1rem; }
dl, ul { margin: 0 0 1rem; padding: 0; list-style: none; border-block-end: 1px solid var(--line); }
dl div, li { padding: .5rem 0; border-block-start: 1px solid var(--line); }
dl div { display: grid; grid-template-columns: 4.5rem 1fr; gap: .75rem; }
dt, li span, .quiet { color: var(--quiet); }
li span { display: block; font-size: .9rem; }
dd { margin: 0; }
label { display: block; margin-bottom: .3rem; font-size: .9rem; font-weight: 600; }
input {
  width: 100%;
  margin-bottom: 1rem;
  padding: .6rem .75rem;
  border: 1px solid var(--quiet);
  border-radius: .6rem;
  background: transparent;
  color: inherit;
  font: inherit;
}
.problem { padding: .6rem .75rem; border-radius: .6rem; background: var(--bad-ground); color: var(--bad); }
.row { display: flex; flex-wrap: wrap; gap: .6rem; }
:is(.row, form) + .row { margin-block-start: .6rem; }
button {
  flex: 1 1 9rem;
  min-height: 2.75rem;
  padding: .5rem 1rem;
  border: 1px solid var(--line);
  border-radius: .6rem;
  background: transparent;
  color: inherit;
  font: inherit;
  font-weight: 600;
  cursor: pointer;
}
button:hover { border-color: var(--quiet); }
button.primary { border-color: transparent; background: var(--accent); color: var(--accent-ink); }
button.primary:hover { filter: brightness(1.08); }
button:disabled { opacity: .6; cursor: default; }
:is(button, input):focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
[role="timer"] { font-weight: 600; font-variant-numeric: tabular-nums; }
.spoken { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
`;

/** @type {CSSStyleSheet | undefined} */ let sheet;

/** The style of all notices of a page. It is made by script, which a policy of `style-src 'self'` leaves alone. */
export function style() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLE);
  }
  return sheet;
}

/**
 * Makes an element. Functions among the properties listen to the event of their name; strings become text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | false | undefined)} children falsy ones are left out
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name in element) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(.../** @type {(Node | string)[]} */ (children.filter((child) => child)));
  return element;
}

/** @param {string} text @param {() => void} click @param {string} [look] "primary" is the one that stands out */
export const button = (text, click, look = "") =>
  h("button", { type: "button", class: look, part: `button ${look}`.trim(), click }, text);

/** @param {...(HTMLElement | false)} buttons */
export const row = (...buttons) => h("div", { class: "row" }, ...buttons);

/**
 * Lists what is known of who has ended a session, or of a session that was reported.
 * @param {Language} words @param {Pick<Notice, "by"> & Partial<Notice>} of
 */
export function facts(words, { by, at }) {
  /** @param {"device" | "browser" | "address" | "time"} name @param {Node} value */
  const fact = (name, value) => h("div", {}, h("dt", {}, words.say(name)), h("dd", {}, value));
  const time = h("time", { dateTime: at ?? "" });
  const refresh = () => {
    time.textContent = words.when(at ?? "");
    setTimeout(() => time.isConnected && refresh(), 20_000);
  };
  if (at) refresh();
  const { name, guessed } = words.device(by, "unknown_device");
  const browser = words.program(by?.client);
  const list = h("dl", { part: "facts" },
    by && fact("device", h("bdi", {}, guessed ? browser : name)),
    browser && !guessed && fact("browser", h("bdi", {}, browser)),
    by?.ip && fact("address", h("bdi", {}, plain(by.ip))),
    at && fact("time", time));
  return list.hasChildNodes() && list;
}

const MOST = 5; // devices that are listed

/** Lists the first of some sessions. @param {Language} words @param {Session[]} sessions */
export function devices(words, sessions) {
  const comma = words.say("comma");
  const list = h("ul", {}, ...sessions.slice(0, MOST).map((s) => h("li", {}, h("bdi", {}, words.device(s).name),
    h("span", {}, h("bdi", {}, words.program(s.client)), words.program(s.client) && comma,
      h("bdi", {}, plain(s.ip) || words.say("unknown_address")), comma,
      words.say("last_active", { ago: words.ago(s.last_active_at) })))));
  const more = sessions.length - MOST;
  if (more > 0) list.append(h("li", {}, words.say("others_more", { count: String(more) })));
  return list;
}

/** Goes to prove there who it is, and from there to the hub's page, which reports. @param {string} start */
export function toProvider(start) {
  const to = new URL(start);
  if (to.origin === location.origin) to.searchParams.set("return", location.pathname + location.search);
  if (/^https?:$/.test(to.protocol)) location.assign(to);
}

/** Waits until what has just been put on the page can be seen: a page that is hidden paints nothing. */
export const painted = () =>
  new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
