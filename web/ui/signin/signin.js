// The sign-in page: signs in and goes on to where it was sent from, or keeps a socket and says at once when the session
// has ended, and why.
import { plain } from "/sdk/words.js";
import { call } from "../lib/api.js";
import { $ } from "../lib/dom.js";
import { onward } from "../lib/return.js";
import { persist } from "./away.js";
import { setUp, showForm } from "./form.js";
import { enter, leave } from "./live.js";
import { goOn, isBack } from "./onward.js";
import { decided } from "./outcome.js";
import { excuse } from "./parts.js";
import { arrive } from "./sso.js";

/** Shows what there is: somebody back from the provider, a live session, one that ended meanwhile, or neither. */
async function begin() {
  if (await arrive(decided)) return;
  const answer = await persist(() => call("GET", "/v1/session"));
  const { status, body } = answer;
  const told = location.hash === "#again"; // a notice has led here
  if (status === 401) return told || body.reason === "unknown" ? showForm() : leave(body);
  if (status !== 200) return showForm(excuse(answer));
  if (isBack()) offerToGoOn();
  else if (goOn()) return;
  enter(body);
}

/** Leaves it to the user, who would else be sent in a circle. */
function offerToGoOn() {
  const link = $("onward-link");
  link.href = onward(location);
  link.querySelector("bdi").textContent = plain(link.pathname);
  $("onward").hidden = false;
}

setUp(decided);
begin();
