// The question of a login at the limit: which sessions make room for it, or whether it is to be left as it is.
import { call } from "../lib/api.js";
import { $ } from "../lib/dom.js";
import { device } from "./device.js";
import { sessionList } from "./list.js";
import { UNANSWERED, busily, countdown, excuse, minutes, say, step } from "./parts.js";
import { allowance, candidates, devices, inTheWay, kept, leaving, missing, proposal } from "./room.js";

/**
 * @import { Session } from "../../sdk/types.d.ts"
 * @import { Answer } from "../lib/api.js"
 * @import { InTheWay } from "./room.js"
 * @typedef {InTheWay & { ticket: string, ticket_expires_at: string }} Question
 * @typedef {{ answered: (answer: Answer) => unknown, expired: () => unknown }} Then
 */

const SOON = 30; // seconds before the end, when a screen reader says so

/**
 * What was asked last: what can be chosen, and what is.
 * @type {{ list: Session[], chosen: Set<string> } | undefined}
 */
let before;

/** Stops the clock of the question. */
let stop = () => {};

/**
 * Puts a question to the user.
 * @param {Answer} answer the hub's, with the question
 * @param {Then} then
 * @param {boolean} [repeated] whether the user's answer to one has made no room
 */
export async function ask({ body, date }, then, repeated = false) {
  const list = candidates(body.sessions, (await device).id);
  /** @type {Question} */
  const question = { ...body, ...inTheWay(body, list) };
  const last = repeated ? before : undefined;
  const chosen = last ? kept(list, last.chosen) : proposal(list, question.excess);
  before = { list, chosen };
  const all = list.length <= question.excess.sessions; // there is nothing to choose
  const count = () => {
    const left = missing(list, chosen, question.excess);
    $("choice-yes").ariaDisabled = left.sessions > 0 ? "true" : null;
    $("choice-count").textContent = all ? "" : counted(chosen.size, left, question.excess.kind);
  };
  $("choice-text").textContent = explanation(question, all);
  say("choice-news", last ? difference(last, list) : "");
  say("choice-problem", "");
  if (all) for (const s of list) chosen.add(s.id);
  const choosing = { chosen, one: question.excess.sessions === 1, changed: count };
  $("choice-list").replaceChildren(sessionList("Devices to sign out", list, date, all ? undefined : choosing));
  count();
  stop();
  // The hub's date is in whole seconds: the clock here must not be behind.
  stop = clock(Date.now() + Date.parse(question.ticket_expires_at) - date - 1000, then.expired);
  $("choice-yes").onclick = () => reply(question, { force: true, end: [...chosen] }, then);
  $("choice-no").onclick = () => reply(question, { force: false }, then);
  step("choice");
}

/**
 * Sends the user's answer. Where it did not arrive, the question stays.
 * @param {Question} question
 * @param {{ force: boolean, end?: string[] }} choice
 * @param {Then} then
 */
async function reply(question, choice, then) {
  const button = $(choice.force ? "choice-yes" : "choice-no");
  await busily(button, choice.force ? "Signing in…" : "One moment…", async () => {
    say("choice-problem", "");
    const body = { ticket: question.ticket, ...choice, deliver: "cookie" };
    const answer = await call("POST", "/v1/login/choice", body).catch(() => undefined);
    if (!answer) say("choice-problem", UNANSWERED);
    else if (answer.status === 300) await ask(answer, then, true);
    else if (answer.status >= 500 || answer.status === 429) say("choice-problem", excuse(answer));
    else {
      stop();
      await then.answered(answer);
    }
  });
}

/**
 * Shows how long the question is open.
 * @param {number} until in ms
 * @param {() => unknown} expired
 */
function clock(until, expired) {
  $("choice-soon").textContent = "";
  return countdown(until, (left) => {
    if (left === 0) expired();
    $("choice-left").textContent = `This question is open for ${minutes(left)}.`;
    if (left === SOON) $("choice-soon").textContent = `This question is open for ${SOON} seconds more.`;
  });
}

/**
 * @param {Question} question
 * @param {boolean} all whether all of them must go
 */
function explanation(question, all) {
  const { sessions: n, kind, of_kind: ofKind } = question.excess;
  const may = `${allowance(question)}.`;
  if (all) {
    return `${may} To sign in here, ${n === 1 ? "this one is" : `all ${n} of these are`} signed out:`;
  }
  const those = leaving({ sessions: n, ofKind, kind }, { then: " to sign out" });
  return `${may} Choose ${those}, and there is room for this one.`;
}

/**
 * Says how far the choice has come.
 * @param {number} n chosen
 * @param {{ sessions: number, ofKind: number }} left
 * @param {string} [kind]
 */
function counted(n, left, kind) {
  if (left.sessions === 0) return `${devices(n)} will be signed out.`;
  return `Choose ${leaving({ ...left, kind }, { more: n > 0 ? " more" : "" })}.`;
}

/**
 * Says why the question is put again.
 * @param {{ list: Session[] }} last
 * @param {Session[]} list
 */
function difference(last, list) {
  const known = new Set(last.list.map((s) => s.id));
  const came = list.filter((s) => !known.has(s.id)).length;
  if (came) return `Nobody was signed out: ${devices(came)} signed in meanwhile. Please choose again.`;
  return "Nobody was signed out: that would not have made room. Please choose again.";
}
