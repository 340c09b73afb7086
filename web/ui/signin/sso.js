// Signing in at the OpenID provider: the way there, and what comes back from it. The hub does the rest.
import { plain } from "/sdk/words.js";
import { call } from "../lib/api.js";
import { $ } from "../lib/dom.js";
import { persist } from "./away.js";
import { device } from "./device.js";
import { showForm } from "./form.js";
import { report } from "./live.js";

/** @import { Answer } from "../lib/api.js" */

const START = "/v1/login/oidc/start";
const PAGE = "/sign-in";
const ANEW = "-anew"; // ends the states of sign-ins that prove who reports an intruder, and sign nobody in

/**
 * What the provider has sent along, or why the hub could not send the user there.
 * @typedef {{ code?: string, error?: string, state?: string, iss?: string, sign_on?: string }} Came
 */
const came = take();

/**
 * Takes what has come out of the page's address, with all that came along: it is good once, and stays in no history.
 * @returns {Came | undefined}
 */
function take() {
  const query = new URLSearchParams(location.search);
  const found = ["code", "error", "state", "iss", "sign_on"].filter((name) => query.has(name));
  if (!found.some((name) => ["code", "error", "sign_on"].includes(name))) return undefined;
  address(query.get("return"));
  return Object.fromEntries(found.map((name) => [name, query.get(name) ?? ""]));
}

/**
 * Says in the page's address where to go on to afterwards, and nothing else.
 * @param {string | null | undefined} path
 */
function address(path) {
  history.replaceState(null, "", path ? `${PAGE}?${new URLSearchParams({ return: path })}` : PAGE);
}

/** Returns the way to the provider, and on to where the page's address says. */
function start() {
  const path = new URLSearchParams(location.search).get("return");
  return path ? `${START}?${new URLSearchParams({ return: path })}` : START;
}

/** @returns {string} the provider, as people know it */
function provider() {
  return plain($("sso")?.dataset.provider) || "the provider";
}

/**
 * Shows what came of a sign-in at the provider, if the browser comes from there.
 * @param {(answer: Answer, again: () => Promise<unknown>) => unknown} decided shows what came of a login
 * @returns {Promise<boolean>} whether it does
 */
export async function arrive(decided) {
  if ($("sso")) $("sso").href = start();
  if (!came) return false;
  const { sign_on: why, state, ...sent } = came;
  if (why !== undefined) {
    showForm(why === "set-up" ? notSetUp() : silent());
    return true;
  }
  if (state?.endsWith(ANEW)) {
    const proof = { state, ...sent };
    const { status } = await persist(() => call("GET", "/v1/session"));
    const live = status === 200; // by another tab meanwhile: there is nothing to report, but a way back
    const answer = await (live ? call("POST", "/v1/session/report", proof).catch(() => undefined) : report(proof));
    returnTo(answer?.body);
    return !live;
  }
  let answer;
  try {
    // A provider's error may come without a state: then it is of no sign-in that the hub knows.
    const body = { ...sent, state: state || "none", device: await device, deliver: "cookie" };
    answer = await call("POST", "/v1/login/oidc/code", body);
  } catch {
    showForm(`The hub does not answer. Please check your connection, then continue with ${provider()} again.`);
    return true;
  }
  returnTo(answer.body);
  // Who goes back in the history comes from the provider a second time, and may be signed in by the first.
  if (answer.body.type === "/problems/sign-on-unknown" && await isLive()) return false;
  if ([201, 300, 409].includes(answer.status)) await decided(answer, again);
  else showForm(reason(answer));
  return true;
}

/** @param {{ return_to?: string } | undefined} body the hub's answer, which knows where to go on to afterwards */
function returnTo(body) {
  if (!body?.return_to) return;
  address(body.return_to);
  if ($("sso")) $("sso").href = start();
}

/**
 * Goes to the provider again, which may know the user by now and ask nothing.
 * @returns {Promise<unknown>} that the browser is back on this very page
 */
function again() {
  location.assign(start());
  return new Promise((resolve) => addEventListener("pageshow", resolve, { once: true }));
}

/** @returns {Promise<boolean>} whether this browser has a live session */
async function isLive() {
  return call("GET", "/v1/session").then(({ status }) => status === 200, () => false);
}

function silent() {
  return `${provider()} does not answer at the moment. Please try again in a few seconds.`;
}

function notSetUp() {
  return `Signing in with ${provider()} is not set up right. Please tell the people who run this service.`;
}

/**
 * Says why nobody is signed in, and what to do.
 * @param {Answer} answer
 */
function reason({ status, body, retryAfter }) {
  const name = provider();
  switch (String(body.type).replace("/problems/", "")) {
    case "sign-on-denied":
      return `You are not signed in: it was cancelled at ${name}, or ${name} does not let you in here. ` +
        "You can try again, perhaps as somebody else.";
    case "sign-on-unfinished":
      return `${name} has to ask you something first. Please continue with ${name} again, and answer it there.`;
    case "sign-on-unknown":
      return "This sign-in was begun in another browser, took more than ten minutes, or is finished already. " +
        "Please sign in again.";
    case "sign-on-code":
    case "id-token-stale":
    case "id-token-used":
      return `What ${name} sent along was used already, or is too old. Please continue with ${name} again.`;
    case "sign-on-set-up":
      return notSetUp();
    case "id-token-no-user":
      return `${name} does not say who you are in the way that is needed here: your email address may not be confirmed ` +
        `there. Please look at your account at ${name}, or ask the people who run this service.`;
    case "id-token-sign-out":
      return `You have signed out at ${name} meanwhile. Please sign in again.`;
    case "throttled":
      return `There were too many failed sign-ins from your network. Please wait ${retryAfter || 60} seconds, then try again.`;
  }
  if (status >= 500) return `Signing in with ${name} is not possible at the moment. Please try again in a few seconds.`;
  return `The answer of ${name} could not be accepted. Please continue with ${name} again.`;
}
