// How the hub's pages are put together: of elements and text, never of markup in a string.

/**
 * Returns the element with an id. The page has it, or is broken.
 * @param {string} id
 * @returns {any}
 */
export const $ = (id) => document.getElementById(id);

/**
 * Makes an element. Of the properties, those that the element knows are set, `class` and what else it does not know
 * become attributes, functions listen to the event of their name, and what is undefined or false is left out.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string | undefined | false)} children strings become text, whatever is in them
 * @returns {HTMLElementTagNameMap[T]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else if (name in element) /** @type {any} */ (element)[name] = value;
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== undefined && child !== false));
  return element;
}

/**
 * Shows one of a page's sections, and hides its siblings. A screen reader goes to its heading.
 * @param {HTMLElement} section
 */
export function show(section) {
  for (const other of section.parentElement?.querySelectorAll(":scope > section") ?? []) {
    /** @type {HTMLElement} */ (other).hidden = other !== section;
  }
  /** @type {HTMLElement | null} */ (section.querySelector("[autofocus], h1[tabindex]"))?.focus();
}
