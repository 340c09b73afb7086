// The dashboard's own sign-in, by API key. The key goes to the hub, and stays nowhere in the page.
import { $ } from "../../lib/dom.js";

/** @import { Link } from "../model/link.js" */

/** Where a hub has its keys from. */
const FROM = "in HUB_API_KEY, or by its flag or file";

/** Shows the sign-in. */
export class Gate {
  #link;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #counting;

  /** @param {Link} link */
  constructor(link) {
    this.#link = link;
    $("gate").addEventListener("submit", (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      this.#signIn();
    });
  }

  /** @param {string} why the user is asked; empty is for no other reason than that nobody is signed in */
  ask(why) {
    clearInterval(this.#counting);
    $("key").value = "";
    $("gate-why").textContent = why;
    $("gate-why").hidden = why === "";
    $("gate").hidden = false;
    this.#enable(true);
    this.#complain("");
    $("key").focus();
  }

  /** Says that there is no key to sign in with. @param {string} detail */
  refuse(detail) {
    $("gate-why").textContent = detail || `This hub has no API key, and so no dashboard. Start it with one, ${FROM}.`;
    $("gate-why").hidden = false;
    $("gate").hidden = true;
  }

  async #signIn() {
    this.#complain("");
    this.#enable(false);
    let answer;
    try {
      answer = await this.#link.signIn($("key").value.trim());
    } catch {
      this.#enable(true);
      return this.#complain("The hub does not answer. Please try again.");
    }
    $("key").value = "";
    this.#enable(true);
    const { status, body, retryAfter } = answer;
    if (status === 201) return;
    if (status === 404) return this.refuse(body.detail);
    if (status === 429) return this.#wait(Math.max(1, retryAfter));
    this.#complain(status === 401 || status === 422
      ? `That is not a key of this hub. It is one of those that the hub was started with, ${FROM}.`
      : `${body.detail || body.title || "That did not work."} Please try again.`);
    $("key").focus();
  }

  /** Waits until another key may be tried. @param {number} seconds */
  #wait(seconds) {
    const until = Date.now() + 1000 * seconds;
    const count = () => {
      const rest = Math.ceil((until - Date.now()) / 1000);
      $("gate-wait").textContent = rest > 0 ? `Another one in ${rest} s.` : "";
      if (rest > 0) return;
      clearInterval(this.#counting);
      this.#enable(true);
      this.#complain("");
    };
    this.#enable(false);
    this.#complain("Too many wrong keys. Please wait a moment.");
    this.#counting = setInterval(count, 1000);
    count();
  }

  /** @param {boolean} on */
  #enable(on) {
    $("gate-submit").disabled = !on;
    $("gate-submit").textContent = on ? "Sign in" : "One moment…";
  }

  /** @param {string} text */
  #complain(text) {
    $("gate-problem").textContent = text;
    $("gate-problem").hidden = text === "";
    if (text === "") $("gate-wait").textContent = "";
  }
}
