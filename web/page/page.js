// The sign-in page: signs in, keeps a socket, and says at once when the session has ended, and why.
import { connect, deviceId } from "/sdk/sessionhub.js";

/** @typedef {import("../sdk/types.d.ts").Session} Session */
/** @typedef {import("../sdk/types.d.ts").State} State */
/** @typedef {Pick<import("../sdk/types.d.ts").Notice, "message"> & Partial<import("../sdk/types.d.ts").Notice>} Ending */

const sections = ["loading", "signin", "choice", "live", "ended"];

/** @type {ReturnType<typeof connect> | undefined} */
let connection;

/**
 * Returns the element with an id.
 * @param {string} id
 * @returns {any}
 */
const $ = (id) => document.getElementById(id);

/**
 * Shows one section, and moves a screen reader to its heading.
 * @param {string} name
 */
function show(name) {
  for (const id of sections) $(id).hidden = id !== name;
  if (name === "signin") $("username")?.focus();
  else $(`${name}-title`)?.focus();
}

/**
 * Calls the hub. It throws where no answer comes.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @returns {Promise<{status: number, body: any, retryAfter: number}>}
 */
async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
    redirect: "manual",
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body: text ? JSON.parse(text) : {},
    retryAfter: Number(answer.headers.get("Retry-After")) || 0,
  };
}

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
 * @param {{status: number, body: any, retryAfter: number}} answer
 */
function decided({ status, body, retryAfter }) {
  if (status === 201) return enter(body.session);
  if (status === 204) return show("signin");
  if (status === 300) return ask(body);
  show("signin");
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
  $("choice-list").replaceChildren(...question.sessions.map((s) => {
    const item = document.createElement("li");
    const detail = document.createElement("span");
    detail.textContent = `${s.ip || "address unknown"}, last active ${when(s.last_active_at)}`;
    item.append(s.device.name, detail);
    return item;
  }));
  const answer = (/** @type {boolean} */ force) => async () => {
    try {
      decided(await call("POST", "/v1/login/choice", { ticket: question.ticket, force, deliver: "cookie" }));
    } catch {
      show("signin");
      complain("The hub does not answer. Please try again.");
    }
  };
  $("choice-yes").onclick = answer(true);
  $("choice-no").onclick = answer(false);
  show("choice");
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
  show("live");
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
  $("who").textContent = session.user;
  $("device").textContent = session.device.name;
  $("address").textContent = session.ip || "unknown";
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
  show("ended");
}

/**
 * Says why a session has ended, in the user's own time.
 * @param {Ending} ending
 * @returns {string}
 */
function explain({ reason, at, by, message }) {
  if (reason === "signed_out") return "You have signed out on this device.";
  if (reason !== "superseded" || !at) return message;
  const from = by?.ip ? `, from ${by.ip}` : "";
  return `Your account signed in on ${by?.device?.name ?? "another device"}, at ${clock(at)}${from}.`;
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

/** @param {string} at @returns {string} */
function clock(at) {
  return new Date(at).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
}

/**
 * Says when something was or will be; the day only where it is not today.
 * @param {string} at
 * @param {string} [before] stands before the time
 * @returns {string}
 */
function when(at, before = "at ") {
  const day = new Date(at);
  const today = day.toDateString() === new Date().toDateString();
  return today ? before + clock(at) : `${day.toLocaleDateString()}, ${clock(at)}`;
}

/** @param {Session[]} sessions @returns {string} */
function names(sessions) {
  return sessions.map((s) => s.device.name).join(", ");
}

/** Shows what there is: a live session, one that ended meanwhile, or neither. */
async function begin() {
  try {
    const { status: code, body } = await call("GET", "/v1/session");
    if (code === 200) return enter(body);
    if (code === 401 && body.reason !== "unknown") return leave(body);
    show("signin");
    if (code !== 401) complain(`${body.title}. Please try again.`);
  } catch {
    show("signin");
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
$("again").addEventListener("click", () => show("signin"));
begin();
