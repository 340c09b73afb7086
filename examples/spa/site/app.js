import { connect } from "/sdk/sessionhub.js";
import "/sdk/session-notice.js";

const $ = (id) => document.getElementById(id);

const signIn = () => location.assign("/sign-in?return=" + encodeURIComponent(location.pathname));

/** Asks the app's API, and shows what it answers. It returns false where the gate lets nothing pass. */
async function ask(request) {
  const answer = await fetch("/api/notes", request).catch(() => null);
  if (answer?.status === 401) return false;
  const body = await answer?.json().catch(() => null);
  $("trouble").textContent = answer?.ok ? "" : (body?.error ?? "There is no answer. Try again in a moment.");
  if (answer?.ok) {
    const items = body.notes.map((note) => Object.assign(document.createElement("li"), { textContent: note }));
    $("user").textContent = body.user;
    $("notes").replaceChildren(...items);
  }
  return true;
}

/** Holds the session's socket. What the user must know of it, <session-notice> says. */
function listen() {
  const hub = connect({ cookie: true });
  $("notice").connection = hub;
  hub.on("state", ({ name }) => ($("state").textContent = { live: "Signed in", ended: "Signed out" }[name] ?? "Connecting…"));
  hub.on("revoked", () => ($("form").inert = $("out").hidden = true));
  $("out").onclick = () => hub.logout().then(signIn, () => ($("trouble").textContent = "You are still signed in. Try again."));
}

$("form").onsubmit = async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ note: $("text").value });
  if (!(await ask({ method: "POST", headers: { "Content-Type": "application/json" }, body }))) return signIn();
  if (!$("trouble").textContent) $("form").reset();
};

if (await ask()) {
  $("app").hidden = false;
  listen();
} else signIn();
