// The session of this browser: that it is live, and that it has ended. Why, says the notice.
import { connect } from "/sdk/sessionhub.js";
import "/sdk/session-notice.js";
import { deviceName, lastWords, plain, when } from "/sdk/words.js";
import { $ } from "../lib/dom.js";
import { showForm } from "./form.js";
import { busily, say, step } from "./parts.js";

/**
 * @import { Proof, Session, State } from "../../sdk/types.d.ts"
 * @typedef {import("../../sdk/words.js").Ending} Ending
 */

/** @type {ReturnType<typeof connect> | undefined} */
let connection;

/**
 * Shows a live session and connects.
 * @param {Session} session
 */
export function enter(session) {
  describe(session);
  say("live-problem", "");
  step("live");
  join(session.id);
}

/**
 * Has the notice say why this browser's session is over. What the user finds behind it is the form, which is all that
 * there is to say after a sign-out of their own.
 * @param {Ending} ending
 */
export function leave(ending) {
  showForm();
  if (ending.reason !== "signed_out" || lastWords(ending)) join();
}

/**
 * Reports, with what the provider has sent along, who has ended this browser's session.
 * @param {Proof} proof
 * @returns {Promise<{ body?: { return_to?: string } } | undefined>} the hub's answer, if there is one
 */
export function report(proof) {
  showForm();
  const hub = join();
  // The notice has heard of it first.
  return new Promise((resolve) => hub.on("revoked", () => void resolve($("notice").report(proof))));
}

/** @param {string} [session] its ID, where it is live */
function join(session) {
  connection?.close();
  const hub = (connection = connect({ cookie: true, session }));
  status(hub.state);
  hub.on("state", status);
  hub.on("welcome", (message) => {
    describe(message.session);
    $("instance").textContent = message.instance ?? "unknown";
  });
  hub.on("revoked", () => {
    showForm();
    if (hub.leaving) $("news").textContent = "You have signed out.";
  });
  $("notice").connection = hub;
  return hub;
}

/** @param {Session} session */
function describe(session) {
  $("who").textContent = plain(session.user);
  $("device").textContent = deviceName(session);
  $("address").textContent = plain(session.ip) || "unknown";
  $("since").textContent = when(session.created_at, "");
}

/** @param {State} state */
function status({ name, via }) {
  /** @type {Record<string, string>} */
  const words = { connecting: "Connecting…", live: "Live", waiting: "Reconnecting…", failed: "Disconnected" };
  const text = words[name];
  if (!text) return; // it is over
  $("status").dataset.state = name;
  $("status-text").textContent = name === "live" && via === "heartbeat" ? "Live, asked once a minute" : text;
}

/** Ends the session, on the user's own wish. */
async function logout() {
  say("live-problem", "");
  try {
    await connection?.logout();
  } catch {
    say("live-problem", "You are still signed in, as the hub did not answer. Please try again in a moment.");
  }
}

$("logout").addEventListener("click", () => busily($("logout"), "Signing out…", logout));
$("notice").addEventListener("session-sign-in", (/** @type {Event} */ event) => {
  event.preventDefault();
  showForm();
});
