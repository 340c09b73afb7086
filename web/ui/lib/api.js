// How the hub's pages call the hub.

/**
 * What the hub answered. The body is empty where there was none.
 * @typedef {{ status: number, body: any, retryAfter: number }} Answer retryAfter is in seconds; 0 is unsaid
 */

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
  });
  const text = await answer.text();
  return {
    status: answer.status,
    body: text ? JSON.parse(text) : {},
    retryAfter: Number(answer.headers.get("Retry-After")) || 0,
  };
}
