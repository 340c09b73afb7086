// The refusal of a login at the limit: who is in the way, and what to do about it.
import { $ } from "../lib/dom.js";
import { device } from "./device.js";
import { sessionList } from "./list.js";
import { busily, say, step } from "./parts.js";
import { allowance, candidates, inTheWay } from "./room.js";

/** @import { Answer } from "../lib/api.js" */

/**
 * Shows a refusal.
 * @param {Answer} answer the hub's
 * @param {{ again: () => Promise<unknown>, back: () => unknown }} then
 */
export async function refuse({ body, date }, { again, back }) {
  const list = candidates(body.sessions, (await device).id);
  const refusal = inTheWay(body, list);
  const n = refusal.excess.sessions;
  const some = n === 1 ? "one of them" : `${n} of them`;
  const these = list.length > n ? some : n === 1 ? "it" : "all of them";
  const repeated = !$("refused").hidden;
  $("refused-text").textContent = `${allowance(refusal)}, and it is. Sign out on ${these}, then try again here. ` +
    "If you cannot get to it any more, ask the people who run this service to sign it out for you.";
  $("refused-list").replaceChildren(sessionList("Signed-in devices", list, date));
  $("refused-again").onclick = () => busily($("refused-again"), "Signing in…", again);
  $("refused-back").onclick = back;
  say("refused-problem", repeated ? "There is still no room." : "");
  if (!repeated) step("refused");
}
