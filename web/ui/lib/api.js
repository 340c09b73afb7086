// How the hub's pages call the hub.

/**
 * What the hub answered. The body is empty where there was none; retryAfter is in seconds, and 0 where it is unsaid; date
 * is the hub's own time, in ms.
 * @typedef {{ status: number, body: any, retryAfter: number, date: number }} Answer
 */

const WITHIN = 15_000; // ms for an answer: the hub takes two seconds at most

/**
 * Calls the hub, with the cookie that the browser has for it. It throws where no answer comes, or none of the hub's.
 * @param {string} method
 * @param {string} path
 * @param {object} [body] sent as JSON
 * @returns {Promise<Answer>}
 */
export async function call(method, path, body) {
  const answer = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
    redirect: "manual",
    signal: AbortSignal.timeout(WITHIN),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body: text ? JSON.parse(text) : {},
    retryAfter: Number(answer.headers.get("Retry-After")) || 0,
    date: Date.parse(answer.headers.get("Date") ?? "") || Date.now(),
  };
}
