// The sign-in page: signs in, keeps a socket, and says at once when the session has ended, and why.
import { connect, deviceId } from "/sdk/sessionhub.js";
import { deviceName, explain, plain, when } from "/sdk/words.js";
import { call } from "../lib/api.js";
import { $, h, show } from "../lib/dom.js";

/** @import { Notice, Session, State } from "../../sdk/types.d.ts" */
/** @import { Answer } from "../lib/api.js" */

/** @typedef {Pick<Notice, "message"> & Partial<Notice>} Ending */

/** @type {ReturnType<typeof connect> | undefined} */
let connection;

/**
 * Signs in and shows what comes of it.
 * @param {string} username
 * @param {string} password
 */
async function login(username, password) {
  complain("");
  busy(true);
  try {
    decided(await call("POST", "/v1/login", { username, password, device: { id: await deviceId() }, deliver: "cookie" }));
  } catch {
    complain("The hub does not answer. Please try again.");
  } finally {
    busy(false);
  }
}

/**
 * Shows what came of a login.
 * @param {Answer} answer
 */
function decided({ status, body, retryAfter }) {
  if (status === 201) return enter(body.session);
  if (status === 204) return show($("signin"));
  if (status === 300) return ask(body);
  show($("signin"));
  if (status === 429) complain(`Too many wrong passwords. Please try again in ${retryAfter} seconds.`);
  else if (status === 409) complain(`${body.title}: ${names(body.sessions)}. Sign out there, and try again.`);
  else if (status === 410) complain("That took too long. Please sign in again.");
  else complain(body.title ? `${body.title}.` : "That did not work. Please try again.");
}

/**
 * Asks which it is to be: this device, or the others.
 * @param {{limit: number, sessions: Session[], ticket: string}} question
 */
function ask(question) {
  $("choice-text").textContent = "To sign in here, the one least recently used will be signed out.";
  $("choice-list").replaceChildren(...question.sessions.map((s) => h("li", {},
    h("bdi", {}, deviceName(s)),
    h("span", {}, `${plain(s.ip) || "address unknown"}, last active ${when(s.last_active_at)}`))));
  const answer = (/** @type {boolean} */ force) => async () => {
    try {
      decided(await call("POST", "/v1/login/choice", { ticket: question.ticket, force, deliver: "cookie" }));
    } catch {
      show($("signin"));
      complain("The hub does not answer. Please try again.");
    }
  };
  $("choice-yes").onclick = answer(true);
  $("choice-no").onclick = answer(false);
  show($("choice"));
}

/**
 * Shows a live session and connects.
 * @param {Session} session
 */
function enter(session) {
  connection?.close();
  $("password") && ($("password").value = "");
  $("expiring").hidden = true;
  describe(session);
  show($("live"));
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
function leave(ending) {
  connection = undefined;
  $("ended-text").textContent = explain(ending);
  show($("ended"));
}

/** Ends the session, on the user's own wish. */
async function logout() {
  $("logout").disabled = true;
  try {
    await connection?.logout();
  } catch {
    $("status-text").textContent = "The hub does not answer. Please try again.";
  } finally {
    $("logout").disabled = false;
  }
}

/** @param {string} text */
function complain(text) {
  const line = $("problem");
  if (!line) return;
  line.textContent = text;
  line.hidden = text === "";
}

/** @param {boolean} on */
function busy(on) {
  const button = $("login").querySelector("button[type=submit]");
  button.disabled = on;
}

/** @param {Session[]} sessions @returns {string} */
function names(sessions) {
  return sessions.map((s) => deviceName(s)).join(", ");
}

/** Shows what there is: a live session, one that ended meanwhile, or neither. */
async function begin() {
  try {
    const { status: code, body } = await call("GET", "/v1/session");
    if (code === 200) return enter(body);
    if (code === 401 && body.reason !== "unknown") return leave(body);
    show($("signin"));
    if (code !== 401) complain(`${body.title}. Please try again.`);
  } catch {
    show($("signin"));
    complain("The hub does not answer. Please try again.");
  }
}

$("login")?.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  login($("username").value, $("password").value);
});
for (const button of document.querySelectorAll("[data-user]")) {
  button.addEventListener("click", () => {
    $("username").value = /** @type {HTMLElement} */ (button).dataset.user;
    $("password").value = "demo";
    $("login").requestSubmit();
  });
}
$("logout").addEventListener("click", logout);
$("stay").addEventListener("click", () => connection?.activity());
$("again").addEventListener("click", () => show($("signin")));
begin();
