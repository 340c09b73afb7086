// What <session-notice> says, in English or in the words that an app gives it, with times as that language writes them.
import { ago, deviceName, lastWords, plain, program, when } from "./words.js";

/** @import { Client, Notice } from "./types.d.ts" */

/**
 * The English texts. A pair is a heading and what is below it; what stands in braces is put in its place. The first are
 * named by the reason for which a session ended.
 * @satisfies {Record<string, string | [string, string]>}
 */
export const ENGLISH = {
  superseded: ["You were signed out here", "Your account signed in somewhere else, which ended the session here."],
  ended_by_user: ["You were signed out here", "Another device that is signed in to your account ended the session here."],
  replaced: ["You were signed out here", "This device signed in again. Go on there, or sign in here once more."],
  ended_by_admin: ["An administrator signed you out", "Sign in again to go on, or ask whoever looks after your account."],
  idle: ["You were signed out", "Nothing had happened here for a while. Sign in again to go on."],
  lifetime: ["Please sign in again", "A session lasts only so long, and this one has come to its end."],
  signed_out: ["You were signed out", "You signed out in another tab or window. Sign in again to go on."],
  signed_out_at_provider: ["You were signed out", "You were signed out at the service that you sign in with."],
  unknown: ["Please sign in again", "This session is no longer known."],
  other: ["You were signed out", ""], // a reason that only a later hub knows: it says it itself

  was_that_you: "Was that you?",
  was_me: "It was me",
  was_not_me: "It was not me",
  sign_in: "Sign in again",
  details: "Details",
  close: "Close",
  back: "Back",
  resting: "You are signed out here",

  device: "Device",
  browser: "Browser",
  address: "Address",
  time: "When",
  unknown_device: "Unknown",
  another_device: "another device",
  unknown_address: "address unknown",
  program: "{browser} on {system}",
  last_active: "last active {ago}",
  just_now: "just now",
  comma: ", ",

  prove: ["Sign the other device out", "To be sure that it is you who asks, your password is needed once more. Then " +
    "{device} is signed out at once, and its sign-in is reported."],
  prove_at_provider: ["Sign the other device out", "To be sure that it is you who asks, sign in once more at " +
    "{provider}. Then {device} is signed out at once, and its sign-in is reported."],
  provider: "Continue with {provider}",
  not_vouched: "You have not signed in there, or as somebody else. Nothing has been done. Please try again.",
  not_anew: "You were not asked there who you are, or it does not tell. Nothing has been done. Sign out there and try " +
    "again, or sign in again here and end what you do not know among your devices.",
  password: "Password",
  send: "Sign it out",
  wrong_password: "That is not your password. Please try it again.",
  too_often: "That was tried too often. Nothing has been done. Please try again in a while.",
  too_often_for: "That was tried too often. Nothing has been done. Please try again in {time}.",
  no_answer: "The hub does not answer. Please try again: to ask twice does no harm.",

  reported: ["It has been signed out", "Your report has been passed on. Change your password now: whoever signed in may " +
    "know it."],
  reported_ended: ["It was signed out already", "Your report has been passed on. Change your password now: whoever " +
    "signed in may know it."],
  no_passwords: ["Sign in again to end it", "Passwords are not checked here. Sign in again and end what you do not know " +
    "among your devices, then change your password where your account is kept."],
  changed: ["It can no longer be reported here", "The session here has changed meanwhile. Sign in again, look at what is " +
    "signed in, and end what you do not know. Then change your password."],
  others: "Also signed in to your account",
  others_more: "and {count} more",
  others_hint: "If you do not know one of these, sign in again and end it.",
  no_others: "Nothing else is signed in to your account.",

  idling: ["Are you still there?", "Nothing has happened here for a while. You will be signed out in {time}."],
  idling_spoken: "You will be signed out in {time}, as nothing has happened here for a while. There is a button to stay " +
    "signed in.",
  left_spoken: "{time} left to stay signed in.",
  stay: "Stay signed in",
  one_moment: "One moment…",
  time_up: "Your time is up. One moment…",
  stayed: "You stay signed in.",

  broken: ["This page has lost its connection", "It can no longer tell you when you are signed out. Reload it to go on."],
  reload: "Reload",
};

/**
 * Texts of an app: any of the English ones in its own language.
 * @typedef {{ [K in keyof typeof ENGLISH]?: (typeof ENGLISH)[K] }} Texts
 * @typedef {{ [K in keyof typeof ENGLISH]: (typeof ENGLISH)[K] extends string ? K : never }[keyof typeof ENGLISH]} Line
 * @typedef {Exclude<keyof typeof ENGLISH, Line>} Pair
 * @typedef {Record<string, any>} Values what is put into a text: texts, or elements where parts are asked for
 */

/** @type {Pair[]} */
const REASONS =
  ["superseded", "ended_by_user", "replaced", "ended_by_admin", "idle", "lifetime", "signed_out", "unknown"];

/** What the hub says of those who signed out at the provider (web/oidc.go). */
const AT_PROVIDER = "You were signed out at the service that you sign in with.";

/** @param {string} text @param {Values} [values] @returns {any[]} the text in pieces, with the values in their places */
const fill = (text, values = {}) => text.split(/\{(\w+)\}/).map((part, i) => (i % 2 ? values[part] ?? "" : part));

/** @param {string | string[]} text @returns {string[]} the names of what is put into it */
const places = (text) => [...String(text).matchAll(/\{(\w+)\}/g)].map(([, name]) => name);

/** @param {any} text */
const kinds = (text) => [text].flat().map((each) => typeof each).join();

/** @param {any} text @param {any} english @returns {boolean} whether one can stand in place of the other */
const alike = (text, english) => kinds(text) === kinds(english);

/**
 * Says what of an app's texts cannot be used: a name that there is none of, one text where there are two, or a place for
 * what is not there.
 * @param {Record<string, any>} texts
 * @returns {string[]}
 */
export function faults(texts) {
  return Object.entries(texts).flatMap(([name, text]) => {
    if (!Object.hasOwn(ENGLISH, name)) return [`there is no text "${name}"`];
    const english = ENGLISH[/** @type {keyof Texts} */ (name)];
    if (!alike(text, english)) return [`"${name}" is not like the English one`];
    return places(text).filter((place) => !places(english).includes(place)).map((place) =>
      `"${name}" has a place for {${place}}, which it is not given`);
  });
}

/** A language to speak to people in. */
export class Language {
  /** @type {typeof ENGLISH} */ #texts;
  /** @type {string | undefined} */ #dates;
  /** The language, as `lang` has it; "" is unknown. */
  lang;

  /**
   * @param {Texts} [texts] those that are not English; a translation that is missing, or no text, stays English
   * @param {string} [lang] that of the texts; what is none is left out
   */
  constructor(texts, lang = "") {
    const usable = Object.entries(texts ?? {}).filter(([name, text]) => alike(text, /** @type {any} */ (ENGLISH)[name]));
    this.#texts = { ...ENGLISH, ...Object.fromEntries(usable) };
    try {
      [this.#dates] = Intl.getCanonicalLocales(lang || []);
    } catch {
      // The reader's own way will do.
    }
    this.lang = this.#dates ?? (texts ? "" : "en");
  }

  /** @param {Pair} name @param {Values} [values] @returns {{ title: string, text: string }} */
  pair(name, values) {
    const [title, text] = this.#texts[name];
    return { title, text: fill(text, values).join("") };
  }

  /** @param {Line} name @param {Values} [values] @returns {string} */
  say(name, values) {
    return fill(this.#texts[name], values).join("");
  }

  /** Returns what is below a heading, with elements in it. @param {Pair} name @param {Values} values @returns {any[]} */
  parts(name, values) {
    return fill(this.#texts[name][1], values);
  }

  /** Says how much time is left: "60 seconds". @param {number} ms */
  left(ms) {
    const seconds = Math.max(0, Math.ceil(ms / 1000));
    const style = /** @type {const} */ ({ style: "unit", unit: "second", unitDisplay: "long" });
    return new Intl.NumberFormat(this.lang || [], style).format(seconds);
  }

  /** @param {string} at */
  ago(at) {
    return ago(at, Date.now(), { lang: this.lang, justNow: this.#texts.just_now });
  }

  /** Says when something was, and how long ago that is. @param {string} at */
  when(at) {
    return when(at, "", this.#dates) + this.#texts.comma + this.ago(at);
  }

  /**
   * Names a device, and says whether the hub has done so for want of a name, by its program, in English.
   * @param {{ device?: { name?: string }, client?: Partial<Client> } | undefined} of
   * @param {"unknown_device" | "another_device"} [unnamed]
   */
  device(of, unnamed = "another_device") {
    const client = { ...of?.client, browser_version: "", system_version: "" };
    const name = deviceName(of, this.#texts[unnamed]);
    const guessed = name === program(client);
    return { name: guessed ? this.program(client) : name, guessed };
  }

  /** Says what program a session is on, with its versions. @param {Partial<Client> | undefined} client */
  program(client) {
    return program(client, (browser, system) => this.say("program", { browser, system }));
  }

  /**
   * Says in a heading and a sentence that a session has ended, why, and what to do. An administrator's own words are
   * told as they are.
   * @param {Pick<Notice, "message"> & Partial<Notice>} ending
   */
  headline(ending) {
    const { reason, message } = ending;
    if (reason === "signed_out" && message === AT_PROVIDER) return this.pair("signed_out_at_provider");
    const { title, text } = this.pair(REASONS.find((name) => name === reason) ?? "other");
    return { title, text: lastWords(ending) || text || plain(message, 500) };
  }

  /**
   * What the hub's answer to a report comes to: a title, where that is the end of it, and else a reason to try again.
   * @param {{ status: number, body?: any, after?: number } | undefined} answer nothing is that none came; `after` is in ms
   * @returns {{ title?: string, text: string }}
   */
  verdict({ status, body, after = 0 } = { status: 0 }) {
    if (status === 200) return this.pair(body.ended ? "reported" : "reported_ended");
    if (status === 404) return this.pair("no_passwords");
    if (status === 409 || (status === 401 && body?.reason)) return this.pair("changed");
    if (status === 401 && body?.type === "/problems/sign-on-stale") return { text: this.say("not_anew") };
    if (status === 401 && /sign-on|id-token/.test(body?.type)) return { text: this.say("not_vouched") };
    if (status === 401) return { text: this.say("wrong_password") };
    if (status === 429) return { text: after ? this.say("too_often_for", { time: this.left(after) }) : this.say("too_often") };
    return { text: this.say("no_answer") };
  }
}
