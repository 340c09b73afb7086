// What comes of a login, whichever way it was made.
import { call } from "../lib/api.js";
import { $ } from "../lib/dom.js";
import { cookieless, forget, showForm, throttled, wrong } from "./form.js";
import { enter, leave } from "./live.js";
import { goOn } from "./onward.js";
import { excuse } from "./parts.js";
import { ask } from "./picker.js";
import { refuse } from "./refusal.js";

/**
 * @import { Session } from "../../sdk/types.d.ts"
 * @import { Answer } from "../lib/api.js"
 */

const TOO_LATE = "That took too long, so nothing was changed. Please sign in again.";

/**
 * Shows what the hub has decided: the user is in, must choose, or is told why not and what to do.
 * @param {Answer} answer
 * @param {() => Promise<unknown>} again makes the same login again
 * @returns {Promise<unknown>}
 */
export async function decided(answer, again) {
  const { status, body, retryAfter } = answer;
  switch (status) {
    case 201:
      return signedIn(body.session);
    case 204:
      forget();
      showForm();
      return $("news").textContent = "Nothing was changed, and you are not signed in here.";
    case 300:
      return ask(answer, {
        answered: (next) => decided(next, again),
        expired: () => {
          forget();
          showForm(TOO_LATE);
        },
      });
    case 409:
      if (body.sessions) return refuse(answer, { again, back: () => showForm() });
      return showForm(excuse(answer));
    case 410:
      forget();
      return showForm("That question is no longer open: it was answered already, or a newer one took its place. " +
        "Please sign in again.");
    case 429:
      return throttled(retryAfter || 1);
  }
  const credentials = status === 401 && body.type === "/problems/credentials";
  return credentials ? wrong() : showForm(excuse(answer));
}

/**
 * Goes on, once the browser has shown that it keeps the session's cookie.
 * @param {Session} session
 */
async function signedIn(session) {
  forget();
  /** @type {Partial<Answer>} */
  const { status, body } = await call("GET", "/v1/session").catch(() => ({}));
  if (status === 401) return body.reason === "unknown" ? showForm(cookieless()) : leave(body);
  if (!goOn()) enter(status === 200 ? body : session);
}
