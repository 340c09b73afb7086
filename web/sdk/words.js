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
 * Says what program a session is on: "Firefox 140 on Android 14", or as much of it as is known.
 * @param {Partial<Client> | undefined} client
 */
export function program({ browser, browser_version, system, system_version } = {}) {
  const named = [[browser, browser_version], [system, system_version]].map((words) => words.filter(Boolean).join(" "));
  return plain(named.filter(Boolean).join(" on "));
}

/**
 * Says why a session has ended, in the reader's own time.
 * @param {Ending} ending
 * @returns {string}
 */
export function explain({ reason, at, by, message }) {
  if (reason !== "superseded" || !at) return plain(message, 500);
  const from = by?.ip ? `, from ${plain(by.ip)}` : "";
  return `Your account signed in on ${deviceName(by)}, at ${clock(at)}${from}.`;
}

/** A heading and a sentence for each reason. */
const ENDINGS = /** @type {const} */ ({
  superseded: ["You were signed out here", "Your account signed in somewhere else, which ended the session here."],
  ended_by_user: ["You were signed out here", "Another device that is signed in to your account ended the session here."],
  replaced: ["You were signed out here", "This device signed in again. Go on there, or sign in here once more."],
  ended_by_admin: ["An administrator signed you out", "Sign in again to go on, or ask whoever looks after your account."],
  idle: ["You were signed out", "Nothing had happened here for a while. Sign in again to go on."],
  lifetime: ["Please sign in again", "A session lasts only so long, and this one has come to its end."],
  signed_out: ["You were signed out", "You signed out in another tab or window. Sign in again to go on."],
  unknown: ["Please sign in again", "This session is no longer known."],
});

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
 * Says in a heading and a sentence that a session has ended, why, and what to do.
 * @param {Ending} ending
 * @returns {{ title: string, text: string }}
 */
export function headline(ending) {
  const { reason, message } = ending;
  const own = reason && Object.hasOwn(ENDINGS, reason) ? ENDINGS[reason] : undefined;
  const [title, text] = own ?? ["You were signed out", plain(message, 500)];
  return { title, text: lastWords(ending) || text };
}

/**
 * Whether another session is behind an ending, so that its user can say whether that was theirs.
 * @param {Ending} ending
 */
export function byAnother({ reason, by }) {
  return (reason === "superseded" || reason === "ended_by_user") && by?.session_id !== undefined;
}

/**
 * Says how much time is left: "60 seconds", "1 second".
 * @param {number} ms
 */
export function left(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return seconds === 1 ? "1 second" : `${seconds} seconds`;
}

/**
 * Whether the time that is left is to be spoken now, and not only shown: at half a minute, and at ten seconds.
 * @param {number} before ms that were left when it was last looked at
 * @param {number} now ms that are left
 */
export function worthSaying(before, now) {
  return [30_000, 10_000].some((mark) => before > mark && now <= mark);
}

/**
 * What the hub's answer to a report comes to: a title, where that is the end of it, and else a reason to try again.
 * @param {{ status: number, body?: any, after?: number } | undefined} answer nothing is that none came; `after` is in ms
 * @returns {{ title?: string, text: string }}
 */
export function verdict({ status, body, after = 0 } = { status: 0 }) {
  if (status === 200) {
    return {
      title: body.ended ? "It has been signed out" : "It was signed out already",
      text: "Your report has been passed on. Change your password now: whoever signed in may know it.",
    };
  }
  if (status === 401 && !body?.reason) return { text: "That is not your password. Please try it again." };
  if (status === 429) {
    const when = after ? `in ${left(after)}` : "in a while";
    return { text: `That was tried too often. Nothing has been done. Please try again ${when}.` };
  }
  if (status === 404) {
    const text = "Passwords are not checked here. Sign in again and end what you do not know among your devices, then " +
      "change your password where your account is kept.";
    return { title: "Sign in again to end it", text };
  }
  if (status === 401 || status === 409) {
    const text = "The session here has changed meanwhile. Sign in again, look at what is signed in, and end what you do " +
      "not know. Then change your password.";
    return { title: "It can no longer be reported here", text };
  }
  return { text: "The hub does not answer. Please try again: to ask twice does no harm." };
}
