// What the steps of the sign-in page have in common.
import { $, show } from "../lib/dom.js";

/** @import { Answer } from "../lib/api.js" */

/** What is said when a request that the user made has no answer. */
export const UNANSWERED =
  "The hub does not answer. Please check your connection and try again; nothing that you entered is lost.";

/**
 * Shows one step of the page, and names the page by it.
 * @param {string} id
 */
export function step(id) {
  const section = $(id);
  document.title = `${section.querySelector("h1").textContent} · Session Hub`;
  show(section);
}

/**
 * Says something in a line that is there for it; "" takes it away.
 * @param {string} id
 * @param {string} text
 */
export function say(id, text) {
  const line = $(id);
  line.textContent = text;
  line.hidden = text === "";
}

/**
 * Runs what a button does, once at a time and not while it is disabled. The button says that it works, and keeps the
 * focus.
 * @param {HTMLElement} button
 * @param {string} words
 * @param {() => Promise<unknown>} work
 */
export async function busily(button, words, work) {
  if (button.ariaBusy || button.ariaDisabled) return;
  const before = button.textContent;
  button.ariaBusy = "true";
  button.textContent = words;
  try {
    await work();
  } finally {
    button.ariaBusy = null;
    if (button.textContent === words) button.textContent = before;
  }
}

/**
 * Counts down to a moment of this browser's clock.
 * @param {number} until in ms
 * @param {(left: number) => void} each hears how many seconds are left: at once, then every second, and 0 once
 * @returns {() => void} stops it
 */
export function countdown(until, each) {
  const tick = () => {
    const left = Math.max(0, Math.ceil((until - Date.now()) / 1000));
    if (!left) clearInterval(timer);
    each(left);
  };
  const timer = setInterval(tick, 1000);
  tick();
  return () => clearInterval(timer);
}

/**
 * Says a length of time as a clock does: 1:05.
 * @param {number} seconds
 */
export function minutes(seconds) {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/**
 * Says in the hub's own words why it did not do something.
 * @param {Answer} answer
 */
export function excuse({ status, body }) {
  if (status >= 500) return "That is not possible at the moment. Please try again in a few seconds.";
  const { title, detail } = body;
  return [title, detail].filter(Boolean).map((text) => String(text).replace(/\.?$/, ".")).join(" ") ||
    "That did not work. Please try again.";
}
