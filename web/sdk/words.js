// How sessions, times and reasons read to people. Names, addresses and messages come from anybody: nothing that shows
// them goes past here.

/**
 * @import { Client, Notice } from "./types.d.ts"
 * @typedef {Pick<Notice, "message"> & Partial<Notice>} Ending as it is told, or as much of it as is known
 */

/** The most characters of somebody else's text that a line shows. */
const MOST = 120;

/**
 * What is not seen, or changes how the text around it is seen: controls, marks and overrides of direction (Unicode
 * Technical Report 36), line ends, letters without a shape. The joiners stay, which some scripts and pictures are written
 * with.
 */
const UNSEEN = /(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Z}\u034F\u115F\u1160\u17B4\u17B5\u2800\u3164\uFFA0]/gu;

/** Joiners that join nothing: at the edge of a word, or after another. */
const LOOSE = /(?<!\S)[\u200C\u200D]+|[\u200C\u200D]+(?!\S)|(?<=[\u200C\u200D])[\u200C\u200D]+/gu;

/** Marks that stand on nothing, and towers of them, which cover what is above. No script needs more than four. */
const TOWERS = /(?<!\S)\p{M}+|(?<=\p{M}{4})\p{M}+/gu;

/**
 * Returns text of unknown origin as one line that can be shown: without unseen characters, and not too long. The hub
 * does the same with what it says itself (session/plain.go).
 * @param {unknown} text
 * @param {number} [most] characters
 * @returns {string}
 */
export function plain(text, most = MOST) {
  const seen = String(text ?? "").slice(0, 8 * most).replace(UNSEEN, " ").replace(LOOSE, "").replace(TOWERS, "")
    .replace(/\s+/g, " ").trim();
  const letters = [...seen];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : seen;
}

/**
 * Says what time it is or was, in the reader's own zone and way.
 * @param {string | number} at
 * @param {string} [lang] in the way of this language
 */
export function clock(at, lang) {
  return new Date(at).toLocaleTimeString(lang, { timeStyle: "short" });
}

/**
 * Says when something was or will be; the day only where it is not today.
 * @param {string | number} at
 * @param {string} [before] stands before the time of today
 * @param {string} [lang] in the way of this language
 */
export function when(at, before = "at ", lang = undefined) {
  const day = new Date(at);
  const today = day.toDateString() === new Date().toDateString();
  // The month by its name: whether 11/12 is of November or December depends on who reads it.
  return today ? before + clock(at, lang) : day.toLocaleString(lang, { dateStyle: "medium", timeStyle: "short" });
}

/**
 * Says how long ago something was: "just now", "5 minutes ago", "yesterday".
 * @param {string | number} at
 * @param {number} [now] in milliseconds
 * @param {{ lang?: string, justNow?: string }} [words] other ones
 */
export function ago(at, now = Date.now(), { lang, justNow = "just now" } = {}) {
  const seconds = Math.max(0, (now - new Date(at).getTime()) / 1000);
  if (seconds < 45) return justNow;
  const words = new Intl.RelativeTimeFormat(lang || [], { numeric: "auto" });
  if (seconds < 45 * 60) return words.format(-Math.round(seconds / 60), "minute");
  if (seconds < 22 * 3600) return words.format(-Math.round(seconds / 3600), "hour");
  return words.format(-Math.round(seconds / 86_400), "day");
}

/**
 * Names the device of a session, or of who ended one.
 * @param {{ device?: { name?: string } } | undefined} of
 * @param {string} [unnamed]
 */
export function deviceName(of, unnamed = "another device") {
  return plain(of?.device?.name) || unnamed;
}

/**
 * Says what program a session is on: "Firefox 140 on Android 14", or as much of it as is known.
 * @param {Partial<Client> | undefined} client
 * @param {(browser: string, system: string) => string} [both]
 */
export function program(client = {}, both = (browser, system) => `${browser} on ${system}`) {
  const { browser, browser_version, system, system_version } = client;
  const [one, other] = [[browser, browser_version], [system, system_version]].map((words) =>
    plain(words.filter(Boolean).join(" ")));
  return plain(one && other ? both(one, other) : one || other);
}

/**
 * Says why a session has ended, in the hub's words but the reader's own time.
 * @param {Ending} ending
 * @returns {string}
 */
export function explain({ at, message }) {
  return plain(at ? message.replace(`${new Date(at).toISOString().slice(11, 16)} UTC`, clock(at)) : message, 500);
}

/** What the hub says of its own where somebody could have said more, an administrator or a provider. */
const NO_WORDS = /^(|An administrator ended this session|You signed out)( at \d\d:\d\d UTC)?\.?$/;

/**
 * Returns what whoever ended a session had to say to its user; "" is nothing.
 * @param {Ending} ending
 */
export function lastWords({ reason, message }) {
  const said = reason === "ended_by_admin" || reason === "signed_out";
  return said && !NO_WORDS.test(message) ? plain(message, 500) : "";
}

/**
 * Whether another session is behind an ending, so that its user can say whether that was theirs.
 * @param {Ending} ending
 */
export function byAnother({ reason, by }) {
  return (reason === "superseded" || reason === "ended_by_user") && by?.session_id !== undefined;
}

/**
 * Whether the time that is left is to be spoken now, and not only shown: at half a minute, and at ten seconds.
 * @param {number} before ms that were left when it was last looked at
 * @param {number} now ms that are left
 */
export function worthSaying(before, now) {
  return [30_000, 10_000].some((mark) => before > mark && now <= mark);
}
