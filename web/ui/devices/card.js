// One device, as a card in a list.
import { ago, deviceName, plain, program, when } from "/sdk/words.js";
import { h } from "../lib/dom.js";
import { ask } from "./ask.js";

/** @import { Session } from "../../sdk/types.d.ts" */

/** The icon of each kind of device, where the user agent does not know better. @type {Record<string, string>} */
const ICONS = { web: "computer", desktop: "computer", mobile: "phone", tv: "tv", other: "program" };

/**
 * Says what a session runs on: "Firefox 140 on Linux".
 * @param {Session} session
 */
export function software({ client, user_agent }) {
  return program(client) || plain(user_agent) || "Unknown browser";
}

/** @param {Session} session */
function icon({ device, client }) {
  const known = client?.type && client.type !== "bot" && device.kind !== "tv" && device.kind !== "desktop";
  return known ? client.type : ICONS[device.kind];
}

/**
 * A card, which can be shown anew.
 * @typedef {{ element: HTMLLIElement, show: (session: Session) => void, refresh: (now: number) => void }} Card
 */

/**
 * Makes the card of a session.
 * @param {Session} first
 * @param {(session: Session) => Promise<string | void>} end signs it out, and says so where that did not work
 * @returns {Card}
 */
export function card(first, end) {
  let session = first;
  const name = () => h("bdi", {}, deviceName(session, "Unnamed device"));
  const title = h("bdi");
  const what = h("bdi");
  const address = h("bdi");
  const since = h("time");
  const active = h("time");
  const state = h("span");
  const now = h("p", { class: "now" }, h("span", { class: "dot", "aria-hidden": "true" }), state);
  const picture = h("span", { class: "icon", "aria-hidden": "true" });
  const fact = (/** @type {string} */ term, /** @type {Node} */ value) =>
    h("div", {}, h("dt", {}, term), h("dd", {}, value));
  const element = h("li", { class: first.current ? "card own" : "card", "data-session": first.id },
    picture,
    h("div", {},
      h(first.current ? "h2" : "h3", {}, title, first.current && h("span", { class: "badge" }, "This device")),
      h("p", { class: "what" }, what),
      now),
    h("dl", {}, fact("Address", address), fact("Signed in", since), fact("Last active", active)),
    ask({
      label: "Sign out",
      of: name(),
      question: () => first.current
        ? ["Sign out here? You will need to sign in again to come back to this page."]
        : ["Sign out ", name(), "? It needs to sign in again to come back. This cannot be undone."],
      yes: "Sign out",
      act: () => end(session),
    }));

  /** @param {Session} next */
  function show(next) {
    session = next;
    title.textContent = deviceName(next, "Unnamed device");
    what.textContent = software(next);
    address.textContent = plain(next.ip) || "unknown";
    since.textContent = when(next.created_at, "today at ");
    since.dateTime = next.created_at;
    active.dateTime = next.last_active_at;
    now.dataset.live = String(next.connected);
    state.textContent = next.connected ? "Live now" : "Not connected";
    picture.dataset.type = icon(next);
  }

  /** @param {number} time the hub's, in ms */
  function refresh(time) {
    const text = ago(session.last_active_at, time);
    if (active.textContent !== text) active.textContent = text;
  }

  show(first);
  return { element, show, refresh };
}
