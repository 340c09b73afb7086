// The refusal of a login at the limit: who is in the way, and what to do about it.
import { $ } from "../lib/dom.js";
import { device } from "./device.js";
import { sessionList } from "./list.js";
import { busily, say, step } from "./parts.js";
import { allowance, candidates, inTheWay, leaving } from "./room.js";

/** @import { Answer } from "../lib/api.js" */

/**
 * Shows a refusal.
 * @param {Answer} answer the hub's
 * @param {{ again: () => Promise<unknown>, back: () => unknown }} then
 */
export async function refuse({ body, date }, { again, back }) {
  const list = candidates(body.sessions, (await device).id);
  const refusal = inTheWay(body, list);
  const { sessions: n, kind, of_kind: ofKind } = refusal.excess;
  const all = n === 1 ? "the one below" : "all of those below";
  const these = list.length > n ? leaving({ sessions: n, ofKind, kind }) : all;
  const it = n === 1 ? "it" : "them";
  const repeated = !$("refused").hidden;
  $("refused-text").textContent = `${allowance(refusal)}. Sign out on ${these}, then try again here. ` +
    `If you cannot get to ${it} any more, ask the people who run this service to sign ${it} out for you.`;
  $("refused-list").replaceChildren(sessionList("Signed-in devices", list, date));
  $("refused-again").onclick = () => busily($("refused-again"), "Signing in…", again);
  $("refused-back").onclick = back;
  say("refused-problem", repeated ? "There is still no room." : "");
  if (!repeated) step("refused");
}
