// Asking a hub that may be away, for as long as it takes.
import { $ } from "../lib/dom.js";
import { countdown, minutes, step } from "./parts.js";

/** @import { Answer } from "../lib/api.js" */

const LONGEST = 30; // seconds between two attempts

/**
 * Makes a request that does no harm until the hub answers it, and says meanwhile that it does not.
 * @param {() => Promise<Answer>} request
 * @returns {Promise<Answer>}
 */
export async function persist(request) {
  for (let tries = 0; ; tries++) {
    const answer = await request().catch(() => undefined);
    if (answer && answer.status < 500 && answer.status !== 429) return answer;
    $("away-text").textContent = answer
      ? "The hub cannot look up sessions at the moment. You need to do nothing: this page tries again by itself."
      : `${location.host} cannot be reached. Please check your connection; this page tries again by itself.`;
    if (tries === 0) step("away");
    // Many pages may be waiting for the same hub: each waits a time of its own.
    await pause(Math.max(answer?.retryAfter ?? 0, 1 + Math.random() * Math.min(LONGEST, 2 ** (tries + 1))));
  }
}

/**
 * Waits: for so long, for the network to come back, or for the user's patience to end.
 * @param {number} seconds
 * @returns {Promise<void>}
 */
function pause(seconds) {
  return new Promise((resolve) => {
    const page = new AbortController();
    const go = () => {
      page.abort();
      stop();
      $("away-next").textContent = "Trying again…";
      resolve();
    };
    const stop = countdown(Date.now() + seconds * 1000, (left) => {
      $("away-next").textContent = `Next attempt in ${minutes(left)}.`;
      if (!left) go();
    });
    addEventListener("online", go, { signal: page.signal });
    $("away-now").addEventListener("click", go, { signal: page.signal });
  });
}
