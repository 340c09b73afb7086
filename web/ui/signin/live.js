// The session of this browser: that it is live, and that and why it has ended.
import { connect } from "/sdk/sessionhub.js";
import { deviceName, explain, plain, when } from "/sdk/words.js";
import { $ } from "../lib/dom.js";
import { showForm } from "./form.js";
import { busily, step } from "./parts.js";

/** @import { Notice, Session, State } from "../../sdk/types.d.ts" */

/** @typedef {Pick<Notice, "message"> & Partial<Notice>} Ending */

/** @type {ReturnType<typeof connect> | undefined} */
let connection;

/**
 * Shows a live session and connects.
 * @param {Session} session
 */
export function enter(session) {
  connection?.close();
  $("expiring").hidden = true;
  describe(session);
  step("live");
  connection = connect({ cookie: true, session: session.id });
  status(connection.state);
  connection.on("state", status);
  connection.on("welcome", (message) => {
    describe(message.session);
    $("expiring").hidden = true;
    $("instance").textContent = message.instance ?? "unknown";
  });
  connection.on("revoked", leave);
  connection.on("expiring", ({ at }) => {
    $("expiring-at").textContent = when(at);
    $("expiring").hidden = false;
  });
  connection.on("renewed", () => {
    $("expiring").hidden = true;
  });
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
  if (!text) return; // it is over: another section says so
  $("status").dataset.state = name;
  $("status-text").textContent = name === "live" && via === "heartbeat" ? "Live, asked once a minute" : text;
}

/**
 * Shows that the session has ended, and why. It stays so until the user does something.
 * @param {Ending} ending
 */
export function leave(ending) {
  connection = undefined;
  $("ended-text").textContent = explain(ending);
  step("ended");
}

/** Ends the session, on the user's own wish. */
async function logout() {
  try {
    await connection?.logout();
  } catch {
    $("status-text").textContent = "The hub does not answer. Please try again.";
  }
}

$("logout").addEventListener("click", () => busily($("logout"), "Signing out…", logout));
$("stay").addEventListener("click", () => connection?.activity());
$("again").addEventListener("click", () => showForm());
