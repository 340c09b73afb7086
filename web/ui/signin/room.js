// Which sessions make room for a login: what may be chosen, what is to begin with, and when it is enough.

/** @import { Session } from "../../sdk/types.d.ts" */

/**
 * How many sessions must go: in all, and how many of these must be of the kind.
 * @typedef {{ sessions: number, kind?: string, of_kind?: number }} Excess
 */

/**
 * What stands in a login's way, as the hub says it with a question or a refusal.
 * @typedef {{ limit: number, sessions: Session[], excess: Excess }} InTheWay
 */

/**
 * Returns the sessions that may make room, the least recently active first. One of this very device is none of them: it
 * goes anyway.
 * @param {Session[]} sessions
 * @param {string} device its ID
 */
export function candidates(sessions, device) {
  const byActivity = (/** @type {Session} */ a, /** @type {Session} */ b) =>
    Date.parse(a.last_active_at) - Date.parse(b.last_active_at) || Date.parse(a.created_at) - Date.parse(b.created_at);
  return sessions.filter((s) => s.device.id !== device).sort(byActivity);
}

/**
 * Returns what the hub says of a login that stands at the limit. A hub from before it said how many must go has one go
 * for each that is over the limit, the newcomer among them; if that makes no room, it asks again.
 * @param {{ limit: number, sessions: Session[], excess?: Excess }} said
 * @param {Session[]} list candidates
 * @returns {InTheWay}
 */
export function inTheWay(said, list) {
  const over = Math.min(list.length, Math.max(1, list.length + 1 - said.limit));
  return { ...said, excess: said.excess ?? { sessions: over } };
}

/**
 * Returns who would go if the user did not choose: as many as must, from the front, those of the kind before others.
 * @param {Session[]} list candidates
 * @param {Excess} excess
 * @returns {Set<string>} their IDs
 */
export function proposal(list, { sessions, kind, of_kind = 0 }) {
  const ids = (/** @type {Session[]} */ some) => some.map((s) => s.id);
  const first = ids(list.filter((s) => s.device.kind === kind).slice(0, of_kind));
  return new Set([...new Set([...first, ...ids(list)])].slice(0, sessions));
}

/**
 * Says how many more must be chosen, and how many more of the kind; both are 0 when it is enough.
 * @param {Session[]} list candidates
 * @param {Set<string>} chosen
 * @param {Excess} excess
 */
export function missing(list, chosen, { sessions, kind, of_kind = 0 }) {
  const gone = list.filter((s) => chosen.has(s.id));
  const ofKind = Math.max(0, of_kind - gone.filter((s) => s.device.kind === kind).length);
  return { sessions: Math.max(ofKind, sessions - gone.length, 0), ofKind };
}

/**
 * Returns what is still valid of a choice when the question is put again. Nobody is added whom the user did not choose.
 * @param {Session[]} list candidates
 * @param {Set<string>} chosen
 */
export function kept(list, chosen) {
  return new Set(list.filter((s) => chosen.has(s.id)).map((s) => s.id));
}

/** What devices of a kind are called: one, and several. @type {Record<string, [string, string]>} */
const KINDS = {
  "": ["device", "devices"],
  web: ["web browser", "web browsers"],
  mobile: ["phone or tablet", "phones or tablets"],
  desktop: ["desktop app", "desktop apps"],
  tv: ["TV", "TVs"],
};

/**
 * Says how many devices, of a kind if there is one: "3 web browsers", "1 more web browser".
 * @param {number} n
 * @param {string} [kind]
 * @param {string} [more] stands after the number
 */
export function devices(n, kind = "", more = "") {
  const [one, several] = KINDS[kind] ?? ["device of this kind", "devices of this kind"];
  return `${n}${more} ${n === 1 ? one : several}`;
}

/**
 * Says how many devices must go, and of which kind: "1 TV", "2 devices to sign out, at least 1 TV among them".
 * @param {{ sessions: number, ofKind?: number, kind?: string }} excess
 * @param {{ more?: string, then?: string }} [words] after the number, and after the devices
 */
export function leaving({ sessions, ofKind = 0, kind }, { more, then = "" } = {}) {
  if (ofKind === sessions) return devices(sessions, kind, more) + then;
  const among = ofKind ? `, at least ${devices(ofKind, kind)} among them` : "";
  return devices(sessions, "", more) + then + among;
}

/**
 * Says on how many devices the account may be used.
 * @param {InTheWay} inTheWay
 */
export function allowance({ limit, excess }) {
  const kind = excess.of_kind === excess.sessions ? excess.kind : undefined;
  return `This account can be signed in on ${devices(limit, kind)} at a time`;
}
