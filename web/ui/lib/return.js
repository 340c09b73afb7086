// Where a page leads on or back to, /devices?return=/orders: to an address of this site, and nowhere else.

const MOST = 2000; // characters

/** The hub's own ways in: one of them would have another site's link sign somebody in, by way of this page. */
const WAYS_IN = "/v1/login/";

/**
 * Returns the address on the site that a path names, with its query and fragment; undefined is that it leads elsewhere
 * or cannot be.
 * @param {string | null | undefined} path such as "/orders?page=2"
 * @param {string} site its origin, as `location.origin` says it
 * @returns {string | undefined} the whole address
 */
export function returnAddress(path, site) {
  // One slash, not followed by another or by what browsers take for one; nothing that they leave out (WHATWG URL, 4.4).
  if (!path || path.length > MOST || !/^\/(?!\/)(?:[^\\\p{C}\p{Z}]| )*$/u.test(path)) return undefined;
  try {
    const address = new URL(path, site);
    // "/.//elsewhere" is "//elsewhere" by now, which somebody may yet take for another site.
    const { origin, pathname } = address;
    return origin === site && !pathname.startsWith("//") && !pathname.startsWith(WAYS_IN) ? address.href : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Returns the address of the site that a page's own says to return to, if it does.
 * @param {{ search: string, origin: string }} page its `location`
 * @returns {string | undefined}
 */
export function onward({ search, origin }) {
  return returnAddress(new URLSearchParams(search).get("return"), origin);
}
