// The dashboard: who is connected, what happens, and the means to end a session. Data goes one way: link asks the
// hub, the models keep what it says, and the views show it.
import { plain } from "/sdk/words.js";
import { $, h } from "../lib/dom.js";
import { Link, NoAnswer, SESSION } from "./model/link.js";
import { Metrics } from "./model/metrics.js";
import { showState } from "./view/banner.js";
import { Events } from "./view/events.js";
import { userHash } from "./view/facts.js";
import { Gate } from "./view/gate.js";
import { Instances } from "./view/instances.js";
import { Overview } from "./view/overview.js";
import { User } from "./view/user.js";

/** How soon the hub is asked again whether somebody is signed in, in ms. */
const RETRY = 2_000;
/** How many users that were seen are remembered, and how many are offered. */
const REMEMBERED = 1_000;
const OFFERED = 20;

const link = new Link();
const gate = new Gate(link);
/** @type {{ metrics: Metrics, events: Events, user: User } | undefined} */
let open;
/** @type {Set<string>} the users that were seen, the latest last */
const users = new Set();
let unreachable = false;

/** Says something to those who do not see the page. @param {string} words */
function say(words) {
  $("said").textContent = words;
}

/** @param {"opening" | "gate" | "open"} phase */
function enter(phase) {
  document.body.dataset.phase = phase;
}

/** Opens the dashboard. */
function begin() {
  enter("open");
  const overview = new Overview($("charts"));
  const instances = new Instances($("instance-list"), $("instances-count"));
  const metrics = new Metrics(link, () => {
    overview.show(metrics);
    instances.show(metrics);
    showState(link, metrics);
  });
  open = { metrics, events: new Events($("event-list"), link, remember, say), user: new User(link, say) };
  route();
  $("title").focus();
}

/** Closes it, and asks for a key. @param {string} why */
function leave(why) {
  if (leaving) history.replaceState(null, "", location.pathname);
  open?.metrics.close();
  open?.events.close();
  open?.user.close();
  open?.user.find("");
  open = undefined;
  users.clear();
  $("suggestions").replaceChildren();
  $("find-user").value = "";
  title("");
  for (const id of ["charts", "instance-list", "event-list"]) $(id).replaceChildren();
  showState(link, undefined);
  enter("gate");
  gate.ask(why);
}

/** Follows what the hub says of the key, and of itself. */
function linked() {
  if (link.admitted && !open) return begin();
  if (link.admitted === false && open) {
    return leave(leaving ? "You have signed out." : "Please sign in again: twelve hours have passed, or the key is no longer valid.");
  }
  showState(link, open?.metrics);
  const lost = link.trouble?.kind === "unreachable";
  if (unreachable && !lost) {
    say("Connected again.");
    open?.events.refresh();
    open?.user.refresh();
  }
  unreachable = lost;
}

/** Asks until the hub says whether somebody is signed in. */
async function look() {
  try {
    const { status, body } = await link.ask(link, "GET", SESSION);
    if (status !== 404) return;
    enter("gate");
    gate.refuse(body.detail);
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (link.admitted === false) {
      enter("gate");
      gate.ask("");
    } else setTimeout(look, RETRY);
  }
}

let leaving = false;

async function signOut() {
  leaving = true;
  try {
    await link.signOut();
  } catch (error) {
    if (!(error instanceof NoAnswer)) throw error;
    if (link.admitted) say("The hub does not answer. You are still signed in.");
  } finally {
    leaving = false;
  }
}

/** Names the tab. @param {string} user empty is nobody */
function title(user) {
  document.title = `${plain(user, 40) || "Dashboard"} · Session Hub`;
}

/** Shows the user that the address names. */
function route() {
  const user = /^#user=(.*)$/s.exec(location.hash)?.[1];
  if (user === undefined || !open) return;
  let name = "";
  try {
    name = decodeURIComponent(user);
  } catch {
    // Not an address that this page makes: nobody is meant by it.
  }
  open.user.find(name);
  $("find-user").value = name;
  title(name);
  $("user").scrollIntoView();
  $("user-title").focus({ preventScroll: true });
}

/** @param {string[]} seen users, the latest first */
function remember(seen) {
  for (const user of seen.reverse()) {
    users.delete(user);
    users.add(user);
  }
  for (const user of users) {
    if (users.size <= REMEMBERED) break;
    users.delete(user);
  }
}

/** Offers users that begin with what has been typed, or hold it. A name that cannot be shown as it is, is not offered. */
function suggest() {
  const typed = $("find-user").value.toLowerCase();
  const found = [...users].reverse().filter((user) => user.toLowerCase().includes(typed) && plain(user, 256) === user);
  $("suggestions").replaceChildren(...found.slice(0, OFFERED).map((value) => h("option", { value })));
}

link.watch(linked);
window.addEventListener("hashchange", route);
$("find").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const hash = userHash($("find-user").value);
  if (location.hash === hash) route();
  else location.hash = hash;
});
$("find-user").addEventListener("input", suggest);
$("find-user").addEventListener("focus", suggest);
$("sign-out").addEventListener("click", signOut);
look();
