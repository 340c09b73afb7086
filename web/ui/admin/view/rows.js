// A list of any length that stays quick: only the rows that are in sight are in the page. To a screen reader it is a
// grid that knows how many rows there are, and which of them it is at (ARIA Authoring Practices, Grid).
import { h, renew } from "../../lib/dom.js";

/**
 * A column.
 * @template T
 * @typedef {{ name: string, title: string, render: (item: T) => Node | string }} Column name is its class
 */
/**
 * What a list is of.
 * @template T
 * @typedef {object} Kind
 * @property {string} label
 * @property {Column<T>[]} columns
 * @property {(item: T) => string} key names an item, for as long as it is in the list
 * @property {(item: T) => void} open is called when the user wants to see more of an item
 * @property {(item: T) => void} [press] is called when the button in an item's row is pressed
 * @property {() => void} [moved] is called when the list has been scrolled
 */

/** How many rows are kept beyond each edge of what is in sight. */
const BEYOND = 6;

let lists = 0;

/**
 * A list.
 * @template T
 */
export class Rows {
  #kind;
  #body;
  #id = `rows-${++lists}`;
  /** @type {T[]} */
  #items = [];
  /** @type {Map<string, { element: HTMLElement, item: T }>} those in the page, by key */
  #made = new Map();
  /** The key of the item that the keyboard is at; undefined is none. @type {string | undefined} */
  #active;
  #count = 0;
  #height = 0;
  #asked = false;

  /** @param {Kind<T>} kind */
  constructor(kind) {
    this.#kind = kind;
    this.#body = h("div", { role: "rowgroup", class: "rows-body" });
    const head = h("div", { role: "row", class: "row rows-head", ariaRowIndex: "1" },
      ...kind.columns.map(({ name, title }) => h("span", { role: "columnheader", class: name }, title)));
    /** The list. */
    this.element = h("div", { class: "rows", role: "grid", tabIndex: 0, ariaLabel: kind.label, ariaReadOnly: "true",
      ariaColCount: String(kind.columns.length), scroll: this.#scrolled, keydown: this.#key, click: this.#click },
      h("div", { role: "rowgroup" }, head), this.#body);
    new ResizeObserver(() => this.#lay()).observe(this.element);
  }

  /** @param {T[]} items from now on */
  set(items) {
    this.#items = items;
    this.element.ariaRowCount = String(items.length + 1);
    this.#lay();
  }

  /** Whether the first item is not in sight any more. */
  get scrolled() {
    return this.element.scrollTop >= Math.max(8, this.#height / 2);
  }

  /** Shows the first item. */
  toTop() {
    this.element.scrollTop = 0;
    this.#lay();
  }

  /** Goes to the list by keyboard. */
  focus() {
    this.element.focus({ preventScroll: true });
  }

  #lay() {
    this.#height = parseFloat(getComputedStyle(this.element).getPropertyValue("--row")) || 44;
    this.#body.style.height = `${this.#items.length * this.#height}px`;
    this.#draw();
  }

  #scrolled = () => {
    if (this.#asked) return;
    this.#asked = true;
    requestAnimationFrame(() => {
      this.#asked = false;
      this.#draw();
      this.#kind.moved?.();
    });
  };

  /** Puts the rows that are in sight into the page, and takes the others out. */
  #draw() {
    const top = this.element.scrollTop / this.#height;
    const first = Math.max(0, Math.floor(top) - BEYOND);
    const last = Math.min(this.#items.length, Math.ceil(top + this.element.clientHeight / this.#height) + BEYOND);
    const before = this.#made;
    this.#made = new Map();
    const rows = this.#items.slice(first, last).map((item, i) => this.#place(item, first + i, before));
    for (const { element } of before.values()) element.remove();
    // Rows are moved by style and not in the page, but for the order in which they are read.
    rows.forEach((row, i) => {
      if (this.#body.children[i] !== row) this.#body.insertBefore(row, this.#body.children[i] ?? null);
    });
    const at = this.#active === undefined ? undefined : this.#made.get(this.#active);
    if (at) this.element.setAttribute("aria-activedescendant", at.element.id);
    else this.element.removeAttribute("aria-activedescendant");
  }

  /**
   * @param {T} item
   * @param {number} index
   * @param {Map<string, { element: HTMLElement, item: T }>} before
   */
  #place(item, index, before) {
    const key = this.#kind.key(item);
    const known = before.get(key);
    before.delete(key);
    const element = known?.item === item ? known.element : this.#make(item, known?.element);
    element.ariaRowIndex = String(index + 2);
    element.dataset.index = String(index);
    element.style.transform = `translateY(${index * this.#height}px)`;
    element.toggleAttribute("data-active", key === this.#active);
    this.#made.set(key, { element, item });
    return element;
  }

  /** @param {T} item @param {HTMLElement | undefined} element is of the same key, if there is one */
  #make(item, element) {
    element ??= h("div", { role: "row", class: "row", id: `${this.#id}-${++this.#count}` });
    renew(element, ...this.#kind.columns.map(({ name, render }) =>
      h("span", { role: "gridcell", class: name }, render(item))));
    return element;
  }

  #click = (/** @type {MouseEvent} */ event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const row = /** @type {HTMLElement | null} */ (target.closest("[data-index]"));
    // Who has marked an address to copy it wants nothing else.
    const marked = getSelection();
    if (!row || target.closest("a") || (!marked?.isCollapsed && row.contains(marked?.anchorNode ?? null))) return;
    const index = Number(row.dataset.index);
    if (target.closest("button")) return this.#kind.press?.(this.#items[index]);
    this.#go(index);
    this.#open();
  };

  #key = (/** @type {KeyboardEvent} */ event) => {
    if (event.target !== this.element || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.#items.findIndex((item) => this.#kind.key(item) === this.#active);
    const page = Math.max(1, Math.floor(this.element.clientHeight / this.#height) - 2);
    const last = this.#items.length - 1;
    /** @type {Record<string, number>} */
    const moves = { ArrowDown: at + 1, ArrowUp: at - 1, PageDown: Math.max(0, at) + page, PageUp: at - page, Home: 0, End: last };
    if (event.key in moves) this.#go(Math.min(last, Math.max(0, moves[event.key])));
    else if (event.key === "Enter" || event.key === " ") this.#open();
    else return;
    event.preventDefault();
  };

  /** @param {number} index */
  #go(index) {
    const item = this.#items[index];
    if (item === undefined) return;
    this.#active = this.#kind.key(item);
    const head = /** @type {HTMLElement} */ (this.element.firstElementChild).offsetHeight;
    const top = index * this.#height;
    const bottom = top + this.#height - (this.element.clientHeight - head);
    if (this.element.scrollTop > top) this.element.scrollTop = top;
    else if (this.element.scrollTop < bottom) this.element.scrollTop = bottom;
    this.#draw();
  }

  #open() {
    const item = this.#items.find((item) => this.#kind.key(item) === this.#active);
    if (item !== undefined) this.#kind.open(item);
  }
}
