// A list of sessions to look at, or to choose from.
import { ago, deviceName, plain, program, when } from "/sdk/words.js";
import { h } from "../lib/dom.js";

/** @import { Session } from "../../sdk/types.d.ts" */

/**
 * Lets the user choose. One is chosen with a radio button, and any number with check boxes.
 * @typedef {{ chosen: Set<string>, one: boolean, changed: () => void }} Choosing
 */

const FIRST = 20; // how many are shown at once: few enough to go through by keyboard
const MORE = 100;

/**
 * Makes a list of sessions. Of many, the first are shown, and the others when they are asked for.
 * @param {string} legend what it is, for those who do not see it
 * @param {Session[]} sessions
 * @param {number} now the hub's time in ms
 * @param {Choosing} [choosing]
 * @returns {HTMLElement}
 */
export function sessionList(legend, sessions, now, choosing) {
  const list = h("ul", { class: "sessions", role: "list" });
  const more = h("button", { type: "button", class: "more" });
  const add = (/** @type {number} */ n) => {
    const from = list.childElementCount;
    list.append(...sessions.slice(from, from + n).map((s) => row(s, now, choosing)));
    const left = sessions.length - list.childElementCount;
    more.hidden = left === 0;
    more.textContent = `Show ${Math.min(left, MORE)} more${left > MORE ? ` of ${left}` : ""}`;
    return list.children[from];
  };
  more.addEventListener("click", () => {
    const row = add(MORE);
    if (more.hidden) /** @type {HTMLElement | null} */ (row.querySelector("input"))?.focus();
  });
  add(FIRST);
  if (!choosing) {
    list.ariaLabel = legend;
    return h("div", {}, list, more);
  }
  return h("fieldset", {}, h("legend", { class: "unseen" }, legend), list, more);
}

/**
 * @param {Session} session
 * @param {number} now
 * @param {Choosing} [choosing]
 */
function row(session, now, choosing) {
  const called = deviceName(session, "Unnamed device");
  const { browser, system } = session.client ?? {}; // an older hub does not read the user agent
  const runs = called !== `${browser} on ${system}` && program(session.client); // the name may say so already
  const name = h("span", { id: `name-${session.id}`, class: "name" }, h("bdi", {}, called));
  const details = h("span", { id: `details-${session.id}`, class: "details" },
    runs && h("bdi", {}, runs), runs && " · ", h("bdi", {}, plain(session.ip) || "address unknown"), " · ",
    h("time", { dateTime: session.last_active_at, title: when(session.last_active_at, "") },
      `last active ${ago(session.last_active_at, now)}`),
    session.connected && h("span", { class: "now" }, h("span", { class: "dot", ariaHidden: "true" }), "Connected now"));
  if (!choosing) return h("li", {}, name, details);
  const { chosen, one, changed } = choosing;
  const input = h("input", {
    type: one ? "radio" : "checkbox",
    name: "end",
    value: session.id,
    checked: chosen.has(session.id),
    "aria-labelledby": name.id,
    "aria-describedby": details.id,
    change: () => {
      if (one) chosen.clear();
      input.checked ? chosen.add(session.id) : chosen.delete(session.id);
      changed();
    },
  });
  return h("li", {}, h("label", {}, input, h("span", {}, name, details)));
}
