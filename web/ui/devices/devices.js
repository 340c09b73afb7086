// The devices page: where the user is signed in, live, and how to end it.
import { connect } from "/sdk/sessionhub.js";
import { clock, deviceName, explain, plain } from "/sdk/words.js";
import "/sdk/session-notice.js";
import { call } from "../lib/api.js";
import { $, h, show } from "../lib/dom.js";
import { onward } from "../lib/return.js";
import { ask } from "./ask.js";
import { software } from "./card.js";
import { follow } from "./follow.js";
import { refreshAll, showAll } from "./list.js";

/** @import { Notice, Session } from "../../sdk/types.d.ts" */
/** @import { Answer } from "../lib/api.js" */

const SIGN_IN = `/sign-in?return=/devices${encodeURIComponent(location.search)}`;
const CONNECTED = 1500; // ms after a sign-in by which its device most likely has its socket
const RETRY = 3000; // ms until the hub is asked again that did not answer
const SILENT = "The hub has not confirmed that. Please try again in a moment.";

/** @type {ReturnType<typeof connect> | undefined} */ let connection;
let joined = ""; // the session that it is of
/** @type {Map<string, Session>} */ let known = new Map();
/** @type {(() => void) | undefined} */ let unfollow;
/** Those that this page has ended itself, so that it does not tell of them twice. @type {Set<string>} */
const ended = new Set();

let reading = false;
let again = false; // something has changed while the list was being read
let readAt = 0; // by this clock, in ms
let skew = 0; // of the hub's clock against this one
/** @type {ReturnType<typeof setTimeout> | undefined} */ let retry;

const hubTime = () => Date.now() + skew;

/** Reads the list; one reading at a time, and once more if there was a reason meanwhile. */
async function look() {
  if (reading) return void (again = true);
  reading = true;
  clearTimeout(retry);
  const answer = await call("GET", "/v1/sessions").catch(() => undefined);
  reading = false;
  if (!unfollow) return; // it is over
  if (answer?.status === 200) update(answer);
  else if (answer?.status === 401) return over(answer.body);
  else doubt();
  if (again) {
    again = false;
    look();
  }
}

/** @param {Answer} answer */
function update({ body, date }) {
  /** @type {Session[]} */ const sessions = body.sessions;
  readAt = Date.now();
  skew = Math.abs(date - readAt) > 2000 ? date - readAt : 0; // the header has whole seconds
  const first = known.size === 0;
  const before = known;
  known = new Map(sessions.map((s) => [s.id, s]));
  if (!first) tell(before);
  const own = sessions.find((s) => s.current);
  $("who").textContent = plain(own?.user);
  $("count").textContent = sessions.length === 1 ? "this device only" : `${sessions.length} devices`;
  $("advice").hidden = sessions.length === 1;
  $("stale").textContent = "";
  delete $("devices").dataset.old;
  showAll(sessions, hubTime(), end);
  askOthers(sessions.length - 1);
  if ($("devices").hidden) show($("devices"));
  if (own && joined !== own.id) join(own.id);
}

/** Tells what has changed since the list that was known before. @param {Map<string, Session>} before */
function tell(before) {
  const added = [...known.values()].filter((s) => !before.has(s.id));
  if (added.length) setTimeout(() => unfollow && look(), CONNECTED); // that it connects is no event
  const gone = [...before.values()].filter((s) => !known.has(s.id) && !ended.delete(s.id));
  if (added.length > 3) say(`${added.length} new sign-ins.`);
  else if (added.length) say("New sign-in: ", ...listed(added, (s) => `, ${plain(s.ip) || "address unknown"}`));
  else if (gone.length > 3) say(`${gone.length} devices were signed out.`);
  else if (gone.length) say("Signed out: ", ...listed(gone, () => ""));
}

/** @param {Session[]} sessions @param {(session: Session) => string} more */
function listed(sessions, more) {
  return sessions.flatMap((s, i) =>
    [i ? "; " : "", h("bdi", {}, deviceName(s, software(s))), more(s), i === sessions.length - 1 ? "." : ""]);
}

/** Says something to everybody, in place of what was said before. @param {...(Node | string)} words */
function say(...words) {
  $("news").replaceChildren(...words);
}

/** The hub does not say how things stand: what is shown is marked as old, and asked for again soon. */
function doubt() {
  retry = setTimeout(() => document.hidden || look(), RETRY);
  if (!known.size) return $("silent").hidden && show($("silent"));
  if ($("stale").textContent) return;
  $("devices").dataset.old = "";
  $("stale").textContent = "The hub cannot say at the moment where you are signed in. " +
    `What you see is from ${clock(readAt)}. This page tries again by itself.`;
}

/**
 * Signs one session out.
 * @param {Session} session
 * @returns {Promise<string | void>} what to say where it did not work
 */
async function end(session) {
  if (session.current) return leave();
  ended.add(session.id);
  const answer = await call("DELETE", `/v1/sessions/${session.id}`).catch(() => undefined);
  if (answer?.status === 200) {
    const told = answer.body.ended[0]?.connected;
    say(h("bdi", {}, deviceName(session)), told ? " is signed out, and was told at once." :
      " is signed out. It is not connected, and will find out when it comes back.");
  } else if (answer?.status === 404) say(h("bdi", {}, deviceName(session)), " was signed out already.");
  else {
    ended.delete(session.id);
    if (answer?.status === 401) return over(answer.body);
    return SILENT;
  }
  look();
}

/** Signs all others out. @returns {Promise<string | void>} what to say where it did not work */
async function endOthers() {
  const answer = await call("DELETE", "/v1/sessions").catch(() => undefined);
  if (answer?.status === 401) return over(answer.body);
  if (answer?.status !== 200) return SILENT;
  /** @type {Session[]} */ const gone = answer.body.ended;
  for (const { id } of gone) ended.add(id);
  const told = gone.filter((s) => s.connected).length;
  const devices = gone.length === 1 ? "1 device is" : `${gone.length} devices are`;
  const rest = gone.length - told;
  if (!gone.length) say("They were signed out already.");
  else say(`${devices} signed out. `, told ? `${told} ${told === 1 ? "was" : "were"} told at once. ` : "",
    rest ? `${rest} will find out when coming back.` : "");
  look();
}

let asking = -1; // how many others there were when the button was made

/** @param {number} others how many there are */
function askOthers(others) {
  const open = $("end-others").querySelector(".open");
  if (others === asking || open && others > 0) return;
  asking = others;
  const devices = () => known.size === 2 ? "the other device" : `all ${known.size - 1} other devices`;
  const focused = $("end-others").contains(document.activeElement);
  $("end-others").replaceChildren(...others > 1 ? [ask({ // a single one has its own button
    label: `Sign out all ${others} others`,
    question: () => [`Sign out ${devices()}? Each needs to sign in again to come back. This cannot be undone.`],
    yes: "Sign out",
    act: endOthers,
  })] : []);
  if (focused) ($("end-others").querySelector("button") ?? $("others-title")).focus();
}

/** Signs out here, on the user's own wish. @returns {Promise<string | void>} */
async function leave() {
  try {
    await connection?.logout();
    location.assign(SIGN_IN);
  } catch {
    return SILENT;
  }
}

/** Keeps a socket, for the notice and so that this device is seen to be live. @param {string} id */
function join(id) {
  connection?.close();
  joined = id;
  connection = connect({ cookie: true, session: id });
  connection.on("welcome", () => look());
  connection.on("revoked", over);
  /** @type {any} */ (document.querySelector("session-notice")).connection = connection;
}

/** The session that looks is over. @param {Pick<Notice, "message"> & Partial<Notice>} ending */
function over(ending) {
  if (connection?.leaving) return; // on the user's own wish
  unfollow?.();
  unfollow = undefined;
  clearTimeout(retry);
  if (!known.size && ending.reason === "unknown") return location.replace(SIGN_IN);
  $("ended-text").textContent = explain(ending);
  show($("ended"));
}

const back = onward(location);
$("back").hidden = !back;
if (back) /** @type {HTMLAnchorElement} */ ($("back").firstElementChild).href = back;
/** @type {HTMLAnchorElement} */ ($("again")).href = `${SIGN_IN}#again`;
unfollow = follow(look);
setInterval(() => refreshAll(hubTime()), 15_000);
