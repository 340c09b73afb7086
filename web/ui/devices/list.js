// The cards of all devices: this one first, then the others, the latest sign-in first, and no more of them than can be
// looked at. A list that changes keeps its cards, and with them the focus and a question that is open.
import { $ } from "../lib/dom.js";
import { card } from "./card.js";

/** @import { Session } from "../../sdk/types.d.ts" */
/** @import { Card } from "./card.js" */

const PAGE = 30; // cards that are added at a time
const LEAVES = 600; // ms in which a card goes, as in devices.css

/** @type {Map<string, Card>} */
const cards = new Map();
let most = PAGE;

/**
 * Shows sessions, and what is new among them and gone from them, where something was shown before.
 * @param {Session[]} sessions @param {number} now the hub's time, in ms
 * @param {(session: Session) => Promise<string | void>} end
 */
export function showAll(sessions, now, end) {
  const fresh = cards.size > 0;
  const others = sessions.filter((s) => !s.current).sort((a, b) => b.created_at.localeCompare(a.created_at));
  const shown = others.slice(0, most);
  const ids = new Set(sessions.map((s) => s.id));
  for (const [id, { element }] of cards) {
    if (!ids.has(id)) take(id, element, true);
    else if (!shown.some((s) => s.id === id) && !element.classList.contains("own")) take(id, element, false);
  }
  place($("own"), sessions.filter((s) => s.current), now, end, false);
  place($("others"), shown, now, end, fresh);
  $("none").hidden = others.length > 0;
  const rest = others.length - shown.length;
  $("more").hidden = rest === 0;
  $("more").textContent = `Show ${Math.min(rest, PAGE)} more, ${shown.length} of ${others.length} are shown`;
  $("more").onclick = () => {
    most += PAGE;
    const next = shown.length;
    showAll(sessions, now, end);
    /** @type {HTMLElement} */ ($("others").querySelectorAll(".card:not(.gone) button")[next])?.focus();
  };
}

/**
 * Puts the cards of sessions into a list, in this order. What stands right is not touched.
 * @param {HTMLElement} list @param {Session[]} sessions @param {number} now
 * @param {(session: Session) => Promise<string | void>} end @param {boolean} mark the new ones
 */
function place(list, sessions, now, end, mark) {
  let at = list.firstElementChild;
  for (const session of sessions) {
    let known = cards.get(session.id);
    if (known) known.show(session);
    else {
      cards.set(session.id, known = card(session, end));
      if (mark) known.element.classList.add("new");
    }
    known.refresh(now);
    while (at?.classList.contains("gone")) at = at.nextElementSibling;
    if (known.element === at) at = at.nextElementSibling;
    else list.insertBefore(known.element, at);
  }
}

/**
 * Takes a card away; one that is gone can be seen to go. Whoever was at it is led to the list's heading.
 * @param {string} id @param {HTMLElement} element @param {boolean} gone
 */
function take(id, element, gone) {
  cards.delete(id);
  if (element.contains(document.activeElement)) $("others-title").focus();
  if (!gone || matchMedia("(prefers-reduced-motion: reduce)").matches) return element.remove();
  element.classList.add("gone");
  element.inert = true;
  setTimeout(() => element.remove(), LEAVES);
}

/** Says anew how long ago things were. @param {number} now the hub's time, in ms */
export function refreshAll(now) {
  for (const { refresh } of cards.values()) refresh(now);
}
