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
 * Gives an element these children, and brings up to date what is there of them instead of making it anew: so the focus,
 * a selection and the place of whoever reads stay. Elements are the same by their data-key, what has none by its place.
 * Listeners of those that are there stay; those of the children are lost where they are there already.
 * @param {Element} parent
 * @param {...Node} children
 */
export function renew(parent, ...children) {
  const before = [...parent.childNodes];
  const keyed = new Map(before.filter(keyOf).map((node) => [keyOf(node), node]));
  const others = before.filter((node) => !keyOf(node));
  const kept = children.map((child) => {
    const old = keyOf(child) ? keyed.get(keyOf(child)) : others.shift();
    return old?.nodeName === child.nodeName ? likened(old, child) : child;
  });
  for (const node of before) if (!kept.includes(/** @type {any} */ (node))) node.remove();
  kept.forEach((node, i) => {
    if (parent.childNodes[i] !== node) parent.insertBefore(node, parent.childNodes[i] ?? null);
  });
}

/** @param {Node} node */
const keyOf = (node) => /** @type {HTMLElement} */ (node).dataset?.key;

/**
 * Makes a node like another of its kind.
 * @param {Node} old
 * @param {Node} fresh
 * @returns {Node} the old one
 */
function likened(old, fresh) {
  if (old.isEqualNode(fresh)) return old;
  if (!(old instanceof Element && fresh instanceof Element)) {
    old.nodeValue = fresh.nodeValue;
    return old;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  renew(old, ...fresh.childNodes);
  return old;
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
