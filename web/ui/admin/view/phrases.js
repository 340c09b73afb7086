// What the hub's own words mean to people. Nothing here comes from outside.

/** @typedef {"in" | "out" | "ok" | "wait" | "warn" | "no" | "ask" | "flag"} Icon the name of an icon */
/** @typedef {{ limit: number, limit_by_kind: Record<string, number>, policy: string, own: object }} Limits */

/** @type {Record<string, string>} */
const REASONS = {
  superseded: "A newer login took over",
  replaced: "Same device signed in again",
  signed_out: "Signed out",
  ended_by_user: "Ended from another device",
  ended_by_admin: "Ended by an operator",
  idle: "Not used for too long",
  lifetime: "Reached its maximum lifetime",
};

/** The reasons for which a session ends, in the order in which they are offered. */
export const ALL_REASONS = Object.keys(REASONS);

/** @param {string | undefined} reason @returns {string} */
export const reasonWords = (reason) => REASONS[reason ?? ""] ?? "For a reason that this page does not know";

/**
 * Says what has happened. The tone is that of what a person did, of what was done to one, or of a refusal.
 * @param {{ type: string, reason?: string }} event
 * @returns {{ words: string, icon: Icon, tone: "plain" | "forced" | "refused" }}
 */
export function happened({ type, reason }) {
  switch (type) {
    case "session.created":
      return { words: "Signed in", icon: "in", tone: "plain" };
    case "session.ended": {
      const own = reason === "signed_out" || reason === "idle" || reason === "lifetime";
      return { words: reasonWords(reason), icon: "out", tone: own ? "plain" : "forced" };
    }
    case "login.failed":
      return { words: "Wrong password", icon: "no", tone: "refused" };
    case "login.rejected":
      return { words: "Refused at the limit", icon: "no", tone: "refused" };
    case "login.challenged":
      return { words: "Asked whom to sign out", icon: "ask", tone: "plain" };
    case "session.reported":
      return { words: "Reported as “not me”", icon: "flag", tone: "refused" };
    default:
      return { words: type, icon: "ask", tone: "plain" };
  }
}

/** @type {Record<string, string>} */
const TYPES = {
  "session.created": "Signed in",
  "session.ended": "Session ended",
  "session.reported": "Reported as “not me”",
  "login.failed": "Wrong password",
  "login.rejected": "Refused at the limit",
  "login.challenged": "Asked whom to sign out",
};

/** @param {string} type */
export const typeWords = (type) => TYPES[type] ?? type;

/**
 * Says a length of time as briefly as it is exact enough: "12 ms", "1.4 s", "3 min", "5 h", "12 days".
 * @param {number} ms
 */
export function duration(ms) {
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 10_000) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 90_000) return `${Math.round(ms / 1000)} s`;
  if (ms < 90 * 60_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 48 * 3_600_000) return `${Math.round(ms / 3_600_000)} h`;
  return `${Math.round(ms / 86_400_000)} days`;
}

/**
 * Says whether the person knows that a session has ended. One that was not connected may have come back since.
 * @param {{ at?: string, delivery?: "sent" | "offline", receipt?: { acked_at: string } | null }} ended
 */
export function receiptWords({ at, delivery, receipt }) {
  const offline = delivery === "offline" ? ["was not connected"] : [];
  if (receipt && at) {
    const after = Date.parse(receipt.acked_at) - Date.parse(at);
    return [...offline, `told ${duration(Math.max(1, after))} later`, "acknowledged"].join(", ");
  }
  return offline[0] ?? (delivery === "sent" ? "told, not acknowledged" : "not acknowledged");
}

/** @param {number} limit */
const count = (limit) => (limit < 0 ? "any number of" : String(limit));

/** @type {Record<string, string>} */
const POLICIES = {
  evict: "the least recently active one is ended",
  reject: "the login is refused",
  ask: "the user is asked whom to sign out",
};

/**
 * Says how many sessions a user may have.
 * @param {Limits} limits
 */
export function limitWords({ limit, limit_by_kind: kinds, policy, own }) {
  const all = `${count(limit)} ${limit === 1 ? "session" : "sessions"}`;
  const some = Object.entries(kinds).map(([kind, most]) => `${count(most)} of kind ${kind}`);
  const whose = Object.keys(own ?? {}).length ? "The user's own limit" : "The hub's limit";
  return `${whose}: ${[all, ...some].join(", ")}. Beyond it, ${POLICIES[policy] ?? policy}.`;
}

/** @param {number} n @param {string} one @param {string} [many] */
export function counted(n, one, many = `${one}s`) {
  return `${n.toLocaleString()} ${n === 1 ? one : many}`;
}

/** @param {number} bytes */
export function bytes(bytes) {
  if (bytes < 1 << 20) return `${Math.round(bytes / 1024)} KB`;
  if (bytes < 1 << 30) return `${Math.round(bytes / (1 << 20))} MB`;
  return `${Math.round(bytes / (1 << 30) * 10) / 10} GB`;
}
