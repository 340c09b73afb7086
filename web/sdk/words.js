// How sessions, times and reasons read to people. Names, addresses and messages come from anybody: nothing that shows
// them goes past here.

/** @import { Notice } from "./types.d.ts" */

/** The most characters of somebody else's text that a line shows. */
const MOST = 120;

/**
 * What is not seen, or changes how the text around it is seen: controls, marks and overrides of direction (Unicode
 * Technical Report 36), line ends. The joiners stay, which some scripts and pictures are written with.
 */
const UNSEEN = /(?:(?![\u200C\u200D])[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}])+/gu;

/**
 * Returns text of unknown origin as one line that can be shown: without unseen characters, and not too long.
 * @param {unknown} text
 * @param {number} [most] characters
 * @returns {string}
 */
export function plain(text, most = MOST) {
  const seen = String(text ?? "").slice(0, 4 * most).replace(UNSEEN, " ").replace(/\s+/g, " ").trim();
  const letters = [...seen];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : seen;
}

/**
 * Says what time it is or was, in the reader's own zone and way.
 * @param {string | number} at
 */
export function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/**
 * Says when something was or will be; the day only where it is not today.
 * @param {string | number} at
 * @param {string} [before] stands before the time of today
 */
export function when(at, before = "at ") {
  const day = new Date(at);
  const today = day.toDateString() === new Date().toDateString();
  return today ? before + clock(at) : `${day.toLocaleDateString()}, ${clock(at)}`;
}

/**
 * Says how long ago something was: "just now", "5 minutes ago", "yesterday".
 * @param {string | number} at
 * @param {number} [now] in milliseconds
 */
export function ago(at, now = Date.now()) {
  const seconds = Math.max(0, (now - new Date(at).getTime()) / 1000);
  if (seconds < 45) return "just now";
  const words = new Intl.RelativeTimeFormat([], { numeric: "auto" });
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
 * Says why a session has ended, in the reader's own time.
 * @param {Pick<Notice, "message"> & Partial<Notice>} ending
 * @returns {string}
 */
export function explain({ reason, at, by, message }) {
  if (reason !== "superseded" || !at) return plain(message, 500);
  const from = by?.ip ? `, from ${plain(by.ip)}` : "";
  return `Your account signed in on ${deviceName(by)}, at ${clock(at)}${from}.`;
}
