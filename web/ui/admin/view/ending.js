// Ending sessions: asks in place, with room for a word to the person, and says what came of it.
import { deviceName } from "/sdk/words.js";
import { h } from "../../lib/dom.js";
import { NoAnswer } from "../model/link.js";
import { counted } from "./phrases.js";

/** @import { Ended, LiveSession, Person } from "../model/person.js" */

/** The most bytes that the hub takes for a message, and the most results that are listed. */
const MESSAGE = 500;
const LISTED = 20;

let forms = 0;

/**
 * Makes the question whether sessions are to end.
 * @param {Person} person
 * @param {LiveSession | undefined} session undefined is all of the person's
 * @param {(result: Node | undefined, words: string) => void} done is called with the result, or without if the user thinks better of it
 */
export function askToEnd(person, session, done) {
  const id = `ending-${++forms}`;
  const count = session ? 1 : person.sessions.length;
  const left = h("small", { id: `${id}-left` }, `Up to ${MESSAGE} bytes. Without it the person reads: “An administrator ended this session.”`);
  const message = h("textarea", { id, rows: 2, maxLength: MESSAGE, input: () => (left.textContent = room(message.value)) });
  message.setAttribute("aria-describedby", left.id);
  const problem = h("p", { class: "problem", role: "alert", hidden: true });
  const submit = h("button", { type: "submit", class: "danger" }, `End ${counted(count, "session")}`);
  const send = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    submit.disabled = true;
    const ended = await end(person, session?.id, message.value);
    submit.disabled = false;
    if (typeof ended !== "string") return done(result(ended), resultWords(ended));
    problem.textContent = ended;
    problem.hidden = false;
  };
  const cancel = () => done(undefined, "");
  const form = h("form", { class: "ending", submit: send,
    keydown: (/** @type {KeyboardEvent} */ e) => {
      if (e.key !== "Escape") return;
      e.stopPropagation();
      cancel();
    } },
    h("p", {}, ...question(person, session), " This cannot be undone."),
    h("label", { htmlFor: id }, "Message for the person"), message, left, problem,
    h("div", { class: "row-of-buttons" }, submit, h("button", { type: "button", click: cancel }, "Cancel")));
  return { form, focus: () => message.focus() };
}

/**
 * @param {Person} person
 * @param {LiveSession | undefined} session
 * @returns {(Node | string)[]}
 */
function question({ sessions }, session) {
  const connected = sessions.filter((s) => s.connections > 0).length;
  const one = session ?? (sessions.length === 1 ? sessions[0] : undefined);
  if (one) {
    const told = one.connections > 0 ? "It is told at once." : "It is not connected: it finds out when it comes back.";
    return ["Ends the session on ", h("bdi", {}, deviceName(one)), `. ${told}`];
  }
  const who = `Ends all ${sessions.length.toLocaleString()} live sessions of this user`;
  if (connected === 0) return [`${who}. None is connected: they find out when they come back.`];
  if (connected === sessions.length) return [`${who}. All are connected, and told at once.`];
  return [`${who}; ${connected.toLocaleString()} of them connected and told at once, the others when they come back.`];
}

/** @param {string} message */
function room(message) {
  const rest = MESSAGE - new TextEncoder().encode(message).length;
  return rest < 0 ? `Too long by ${counted(-rest, "byte")}.` : `${counted(rest, "byte")} left.`;
}

/**
 * @param {Person} person
 * @param {string | undefined} id
 * @param {string} message
 */
async function end(person, id, message) {
  try {
    return await person.end(id, message.trim());
  } catch (error) {
    if (error instanceof NoAnswer) return `${error.message} Nothing may have ended: look at the list, and try again.`;
    throw error;
  }
}

/** @param {Ended[]} ended */
function resultWords(ended) {
  if (ended.length === 0) return "It had ended already.";
  const sent = ended.filter((e) => e.delivery === "sent").length;
  const rest = ended.length - sent;
  const words = [`Ended ${counted(ended.length, "session")}.`];
  if (sent) words.push(`${sent.toLocaleString()} told at once.`);
  if (rest) words.push(`${rest.toLocaleString()} not connected: told when they come back.`);
  return words.join(" ");
}

/** @param {Ended[]} ended */
function result(ended) {
  const more = ended.length - LISTED;
  return h("div", { class: "result" }, h("p", {}, resultWords(ended)),
    ended.length > 1 && h("ul", {}, ...ended.slice(0, LISTED).map(({ session, delivery }) => h("li", {},
      h("bdi", {}, deviceName(session)), delivery === "sent" ? ": told" : ": not connected")),
    more > 0 && h("li", {}, `and ${more.toLocaleString()} more`)));
}
