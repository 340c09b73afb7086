// What is known of a device, a session or an event, put so that it can be shown: whatever people have called
// themselves goes through plain().
import { deviceName, plain, program } from "/sdk/words.js";
import { h } from "../../lib/dom.js";
import { happened } from "./phrases.js";
import { icon } from "./svg.js";

/** @import { Event } from "../model/feed.js" */
/** @import { LiveSession } from "../model/person.js" */

/** The most characters of a user agent, a name or a message that are shown. */
const LONG = 512;

// Made once: that is what takes time, and a list has many.
const whole = new Intl.DateTimeFormat([], { year: "numeric", month: "short", day: "numeric", hour: "numeric",
  minute: "2-digit", second: "2-digit", timeZoneName: "short" });
const time = new Intl.DateTimeFormat([], { timeStyle: "medium" });
const date = new Intl.DateTimeFormat([], { month: "short", day: "numeric" });

/** @param {string | number | undefined | null} at */
export const exactly = (at) => (at ? whole.format(new Date(at)) : "");

/** @param {string} at @returns {string} the time alone, if it was today */
export function briefly(at) {
  const day = new Date(at);
  const today = day.toDateString() === new Date().toDateString();
  return today ? time.format(day) : `${date.format(day)}, ${time.format(day)}`;
}

/**
 * Shows text from outside. A link without a word leads nobody, so text of which nothing is seen says that.
 * @param {string | undefined} text
 * @param {number} [most]
 */
export const foreign = (text, most) => h("bdi", {}, plain(text, most) || (text ? "(not visible)" : ""));

/** Where a link to a user leads. @param {string} user */
export const userHash = (user) => `#user=${encodeURIComponent(user)}`;

/** @param {string} user @param {object} [properties] */
export const userLink = (user, properties) => h("a", { href: userHash(user), ...properties }, foreign(user));

/**
 * Shows a device: its name, and what runs on it where the name does not say so.
 * @param {any} of
 */
export function device(of) {
  const client = program(of?.client);
  const name = deviceName(of, "Unknown device");
  const said = [of?.client?.browser, of?.client?.system].filter(Boolean).join(" on ") === name;
  return h("span", { class: "device" }, h("bdi", {}, name), !!client && !said && h("small", {}, h("bdi", {}, client)));
}

/**
 * Shows what an event says has happened.
 * @param {{ type: string, reason?: string }} event
 */
export function what(event) {
  const { words, icon: name, tone } = happened(event);
  return h("span", { class: `what ${tone}` }, /** @type {any} */ (icon(name)), h("span", {}, words));
}

/**
 * Lists facts; those without a value are left out.
 * @param {[string, Node | string | undefined | false][]} facts
 */
export function list(facts) {
  return h("dl", { class: "facts" }, ...facts.filter(([, value]) => value)
    .map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

/** @param {any} of whoever has a device @param {string} [prefix] @returns {[string, Node | string | false][]} */
function whereabouts(of, prefix = "") {
  const titled = (/** @type {string} */ name) => (prefix ? `${prefix}: ${name.toLowerCase()}` : name);
  if (!of) return [];
  return [
    [titled("Device"), !!of.device?.name && foreign(of.device.name)],
    [titled("Browser and system"), program(of?.client)],
    [titled("Kind"), plain(of.device?.kind)],
    [titled("Address"), !!of.ip && foreign(of.ip)],
    [titled("User agent"), !!of.user_agent && foreign(of.user_agent, LONG)],
    [titled("Device ID"), !!of.device?.id && h("code", {}, plain(of.device.id, 128))],
  ];
}

/** @param {Record<string, string> | undefined} attributes @returns {[string, Node | false][]} */
function attributes(attributes) {
  return Object.entries(attributes ?? {}).map(([name, value]) => [`Attribute ${plain(name, 64)}`, foreign(value, LONG)]);
}

/** @param {Event} event */
export function eventFacts(event) {
  const { session, by } = event;
  return list([
    ["When", exactly(event.at)],
    ["User", userLink(event.user)],
    ...whereabouts(session),
    ["Signed in", exactly(session?.created_at)],
    ["Last active", event.type === "session.ended" && exactly(session?.last_active_at)],
    ...whereabouts(by, session ? "By" : "Tried by"),
    ...attributes(session?.attributes),
    ["Session", !!session && h("code", {}, session.id)],
    ["Event", h("code", {}, plain(event.id, 64))],
  ]);
}

/** @param {LiveSession} session */
export function sessionFacts(session) {
  return list([
    ...whereabouts(session),
    ["Signed in", exactly(session.created_at)],
    ["Last active", exactly(session.last_active_at)],
    ["Ends without activity", exactly(session.idle_expires_at) || "never"],
    ["Ends in any case", exactly(session.expires_at) || "never"],
    ["Connections", session.instances.map(({ id, connections }) => `${connections} at ${plain(id)}`).join(", ") || "none"],
    ...attributes(session.attributes),
    ["Session", h("code", {}, session.id)],
  ]);
}
