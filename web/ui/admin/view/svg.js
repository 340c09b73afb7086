// Drawings: elements of SVG, and the few icons of the dashboard.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an SVG element with attributes. There is no attribute for its style: the page's policy lets none in.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number>} [attributes]
 * @param {...Node} children
 * @returns {SVGElementTagNameMap[T]}
 */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** @import { Icon } from "./phrases.js" */

/** The icons, as paths in a square of 16. @type {Record<Icon, string>} */
const ICONS = {
  in: "M9 2.5h3.5v11H9M2.5 8h7M7 5.5 9.5 8 7 10.5",
  out: "M7 2.5H3.5v11H7M6.5 8h7M11 5.5 13.5 8 11 10.5",
  ok: "M3 8.5 6.5 12 13 4.5",
  wait: "M8 4v4.5l3 1.5M8 1.5a6.5 6.5 0 1 1 0 13a6.5 6.5 0 0 1 0-13",
  warn: "M8 2 1.5 13.5h13zM8 6.5v3M8 11.5v.2",
  no: "M4 4l8 8M12 4l-8 8",
  ask: "M5.5 6a2.5 2.5 0 1 1 3.5 2.300c-.7.3-1 .8-1 1.700M8 12.5v.2",
  flag: "M4 14.5v-12h8l-2 3 2 3H4",
};

/**
 * Makes an icon that stands beside words which say the same.
 * @param {Icon} name
 */
export function icon(name) {
  return svg("svg", { class: `icon icon-${name}`, viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { d: ICONS[name] }));
}
