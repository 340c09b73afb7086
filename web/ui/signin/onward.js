// Goes on to where the sign-in page was sent from: /?return=/somewhere.
import { onward } from "../lib/return.js";

const KEPT = "hub-onward";
const AGAIN_WITHIN = 30_000; // ms in which an app that sends its user back has most likely not let them in

/**
 * Leaves for where the page's address says. The sign-in page does not stay in the browser's history.
 * @returns {boolean} whether it leaves
 */
export function goOn() {
  const to = onward(location);
  if (!to) {
    const asked = new URLSearchParams(location.search).get("return");
    if (asked) console.warn("The return address is not a path of this site, and left out:", asked.slice(0, 200));
    return false;
  }
  try {
    sessionStorage.setItem(KEPT, JSON.stringify({ to, at: Date.now() }));
  } catch {
    // Storage is turned off, and so is what it would be needed for.
  }
  location.replace(to);
  return true;
}

/**
 * Says whether the browser was sent there a moment ago, and is back: going on would lead in a circle.
 * @returns {boolean}
 */
export function isBack() {
  try {
    const last = JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    return !!last.to && last.to === onward(location) && Date.now() - last.at < AGAIN_WITHIN;
  } catch {
    return false;
  }
}
