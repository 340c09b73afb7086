// Signing in by password.
import { call } from "../lib/api.js";
import { $ } from "../lib/dom.js";
import { device } from "./device.js";
import { UNANSWERED, busily, countdown, minutes, say, step } from "./parts.js";

/** @import { Answer } from "../lib/api.js" */

/** How long a password stays in the form while another step is shown, in ms: as long as a question is open. */
const KEPT_FOR = 120_000;

/** Stops the clock of a wait. */
let stop = () => {};
/** @type {ReturnType<typeof setTimeout> | undefined} */
let forgetting;

/**
 * Shows the form, and what is to be said about it. The focus goes to the first field that is empty.
 * @param {string} [problem]
 */
export function showForm(problem = "") {
  step("signin");
  ($("username")?.value ? $("password") : $("username"))?.focus();
  say("problem", problem);
}

/** Takes the password out of the form. */
export function forget() {
  const field = $("password");
  if (!field) return;
  field.value = "";
  reveal(false);
}

/** Says that user name or password were wrong. */
export function wrong() {
  showForm("Wrong user name or password. Please look at both and try again.");
  const field = $("password");
  field.setAttribute("aria-invalid", "true");
  field.select();
}

/**
 * Says that there were too many attempts, and has the button wait.
 * @param {number} seconds
 */
export function throttled(seconds) {
  showForm(`There were too many wrong passwords. Please wait ${seconds > 90 ? `${Math.ceil(seconds / 60)} minutes`
    : `${seconds} seconds`}, then try again.`);
  const button = $("submit");
  if (!button) return;
  stop();
  button.ariaDisabled = "true";
  stop = countdown(Date.now() + seconds * 1000, (left) => {
    button.textContent = left ? `Try again in ${minutes(left)}` : "Sign in";
    if (left) return;
    button.ariaDisabled = null;
    say("problem", "");
    $("news").textContent = "You can try again now.";
  });
}

/** Lifts a wait: it may have been somebody else's. */
function lift() {
  stop();
  if (!$("submit").ariaDisabled) return;
  say("problem", "");
  $("submit").ariaDisabled = null;
  $("submit").textContent = "Sign in";
}

/** @param {boolean} on */
function reveal(on) {
  $("password").type = on ? "text" : "password";
  $("reveal").firstElementChild.textContent = on ? "Hide" : "Show";
}

/**
 * Makes the form work.
 * @param {(answer: Answer, again: () => Promise<unknown>) => unknown} decided shows what came of a login
 */
export function setUp(decided) {
  const form = $("login");
  if (!form) return;
  /** @type {() => Promise<unknown>} */
  const login = async () => {
    say("problem", "");
    $("news").textContent = "";
    $("password").removeAttribute("aria-invalid");
    const [username, password] = [$("username").value, $("password").value];
    const body = { username, password, device: await device, deliver: "cookie" };
    const answer = await call("POST", "/v1/login", body).catch(() => undefined);
    if (!answer) return showForm(UNANSWERED);
    clearTimeout(forgetting);
    forgetting = setTimeout(() => $("signin").hidden && forget(), KEPT_FOR);
    return decided(answer, async () => ($("password").value ? login() : showForm("Please enter your password again.")));
  };
  form.addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    reveal(false); // password managers look for a password field
    if (!navigator.cookieEnabled) return showForm(cookieless());
    busily($("submit"), "Signing in…", login);
  });
  $("reveal").addEventListener("click", () => reveal($("password").type === "password"));
  $("username").addEventListener("input", lift);
  for (const button of document.querySelectorAll("[data-user]")) {
    button.addEventListener("click", () => {
      lift();
      $("username").value = /** @type {HTMLElement} */ (button).dataset.user;
      $("password").value = "demo";
      form.requestSubmit();
    });
  }
}

/** Says what to do where a browser keeps no cookies. */
export function cookieless() {
  return `Your browser keeps no cookies of ${location.host}, and without one you cannot stay signed in. ` +
    "Please allow cookies for this site in its settings, then sign in again.";
}
