// A chart of the last minutes: its latest value in big, lines or bars over time, and a readout that follows the
// pointer or the arrow keys. For those who do not see it, it is a slider through time that says what it stands on, and
// a table.
import { h, renew } from "../../lib/dom.js";
import { area, bars, line, linear, logarithmic, moments, nearest, powers, ticks } from "./scale.js";
import { svg } from "./svg.js";

/**
 * What a chart is of.
 * @typedef {object} Kind
 * @property {string} title
 * @property {string[]} series what each is of
 * @property {"lines" | "bars"} shape
 * @property {boolean} [wide] it has room for words at the ends of its lines
 * @property {(value: number) => string} format with the unit
 * @property {(value: number) => string} tick without it
 * @property {boolean} [powers] its scale is logarithmic, from 1
 */
/**
 * What a chart shows.
 * @typedef {object} Shown
 * @property {string} value the latest, in big
 * @property {string} unit what it is
 * @property {number} since in ms since 1970
 * @property {number} until
 * @property {number[]} at when the values are of
 * @property {(number | null)[][]} values of each series; null is unknown
 * @property {number} [step] how long each is of, in ms, for bars
 */

const HEIGHT = 148;
const TOP = 8;
const BOTTOM = HEIGHT - 22;
/** How far apart the times below are, in ms, and how wide one is in pixels. */
const APART = [60_000, 120_000, 180_000, 300_000];
const LABEL = 74;
/** How much of the time is in a row of the table, in ms. */
const ROW = 15_000;

/** @param {number} at */
const time = (at) => new Date(at).toLocaleTimeString([], { timeStyle: "short" });
/** @param {number} at */
const exactly = (at) => new Date(at).toLocaleTimeString();

/** Draws one chart. */
export class Chart {
  #kind;
  #value = h("strong", {}, "–");
  #unit = h("span", {});
  #readout = h("p", { class: "readout", ariaHidden: "true" });
  #drawing = svg("svg", { "aria-hidden": "true", height: HEIGHT });
  #plot;
  #rows = h("tbody", {});
  #table;
  /** @type {Shown | undefined} */
  #shown;
  /** The moment that is picked, in ms since 1970: it stays the same while others come. @type {number | undefined} */
  #picked;
  #width = 0;
  /** Where the moments begin, in pixels. */
  #left = 0;

  /** @param {Kind} kind */
  constructor(kind) {
    this.#kind = kind;
    this.#plot = h("div", { class: "plot", tabIndex: 0, role: "slider", ariaLabel: `${kind.title} over time`,
      ariaOrientation: "horizontal", keydown: this.#key, focus: () => this.#go(this.#at),
      blur: () => this.#pick(undefined), pointermove: this.#point, pointerdown: this.#point,
      pointerleave: () => document.activeElement !== this.#plot && this.#pick(undefined) });
    this.#plot.append(this.#drawing);
    this.#table = h("details", { toggle: () => this.#tabulate() },
      h("summary", { ariaLabel: `Table of ${kind.title.toLowerCase()}` }, "Table"),
      h("div", { class: "scroll", tabIndex: 0, role: "region", ariaLabel: `${kind.title}, as a table` },
        h("table", {}, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Time"),
          ...kind.series.map((name) => h("th", { scope: "col" }, name)))), this.#rows)));
    /** The chart. */
    this.element = h("section", { class: `chart ${kind.shape}${kind.wide ? " wide" : ""}` },
      h("h3", {}, kind.title),
      kind.series.length > 1 && h("ul", { class: "legend", ariaLabel: "Lines" },
        ...kind.series.map((name, i) => h("li", { class: `series-${i}` }, name))),
      h("p", { class: "now" }, this.#value, " ", this.#unit),
      this.#plot, this.#readout, this.#table);
    new ResizeObserver(() => {
      this.#width = this.#plot.clientWidth;
      this.#draw();
    }).observe(this.#plot);
  }

  /** @param {Shown} shown */
  show(shown) {
    this.#shown = shown;
    this.#value.textContent = shown.value;
    this.#unit.textContent = shown.unit;
    this.#draw();
    this.#tabulate();
  }

  #draw() {
    const shown = this.#shown;
    if (!shown || this.#width === 0) return;
    const greatest = Math.max(0, ...shown.values.flat().map((v) => v ?? 0));
    const marks = this.#kind.powers ? powers(greatest) : ticks(greatest);
    const ends = /** @type {[number, number]} */ ([marks[0], /** @type {number} */ (marks.at(-1))]);
    const left = 10 + 7.5 * Math.max(...marks.map((mark) => this.#kind.tick(mark).length));
    const y = (this.#kind.powers ? logarithmic : linear)(ends, [BOTTOM, TOP]);
    const x = linear([shown.since, shown.until], [left, this.#width - 6]);
    this.#left = left;
    this.#drawing.setAttribute("width", String(this.#width));
    this.#drawing.setAttribute("viewBox", `0 0 ${this.#width} ${HEIGHT}`);
    this.#drawing.replaceChildren(this.#axes(marks, left, x, y), ...this.#lines(shown, x, y), ...this.#cursor(shown, x, y));
    this.#say(shown);
  }

  /**
   * @param {number[]} marks
   * @param {number} left
   * @param {(v: number) => number} x
   * @param {(v: number) => number} y
   */
  #axes(marks, left, x, y) {
    const { since, until } = /** @type {Shown} */ (this.#shown);
    const all = svg("g", { class: "axes" });
    for (const mark of marks) {
      const at = Math.round(y(mark)) + 0.5;
      all.append(svg("path", { d: `M${left} ${at}H${this.#width - 6}`, class: mark === marks[0] ? "base" : "grid" }));
      all.append(svg("text", { x: left - 8, y: at + 4, "text-anchor": "end" }, document.createTextNode(this.#kind.tick(mark))));
    }
    const step = APART.find((ms) => x(since + ms) - x(since) >= LABEL) ?? 600_000;
    for (const at of moments(since, until, step)) {
      if (x(at) < left + 16 || x(at) > this.#width - LABEL / 2) continue; // no room for all of it
      all.append(svg("path", { d: `M${Math.round(x(at)) + 0.5} ${BOTTOM}v4`, class: "base" }));
      all.append(svg("text", { x: x(at), y: HEIGHT - 4, "text-anchor": "middle" }, document.createTextNode(time(at))));
    }
    return all;
  }

  /**
   * @param {Shown} shown
   * @param {(v: number) => number} x
   * @param {(v: number) => number} y
   */
  #lines({ at, values, step = 0 }, x, y) {
    const xs = at.map(x);
    return values.flatMap((series, i) => {
      const ys = series.map((v) => (v === null ? null : y(v)));
      if (this.#kind.shape === "bars") {
        const width = Math.max(1, x(step) - x(0) - 2);
        return [svg("path", { d: bars(xs, ys, width, BOTTOM), class: `bar series-${i}` })];
      }
      const drawn = [svg("path", { d: line(xs, ys), class: `line series-${i}` })];
      if (values.length === 1) drawn.unshift(svg("path", { d: area(xs, ys, BOTTOM), class: `area series-${i}` }));
      return drawn;
    });
  }

  /**
   * @param {Shown} shown
   * @param {(v: number) => number} x
   * @param {(v: number) => number} y
   */
  #cursor({ at, values, step = 0 }, x, y) {
    const i = this.#at;
    if (this.#picked === undefined || i < 0) return [];
    const middle = this.#kind.shape === "bars" ? (x(step) - x(0)) / 2 - 1 : 0;
    const dots = values.map((series, n) => ({ n, value: series[i] })).filter(({ value }) => value !== null)
      .map(({ n, value }) => svg("circle", { cx: x(at[i]) + middle, cy: y(/** @type {number} */ (value)), r: 4,
        class: `dot series-${n}` }));
    return [svg("path", { d: `M${x(at[i]) + middle} ${TOP}V${BOTTOM}`, class: "cursor" }), ...dots];
  }

  /** Says what is picked, or what is last. @param {Shown} shown */
  #say(shown) {
    const i = this.#at;
    const words = i < 0 ? "Nothing yet" : `${exactly(shown.at[i])}: ${this.#words(shown, i)}`;
    this.#readout.textContent = this.#picked === undefined ? "" : words;
    this.#plot.ariaValueMin = String(shown.at[0] ?? 0);
    this.#plot.ariaValueMax = String(shown.at.at(-1) ?? 0);
    this.#plot.ariaValueNow = String(shown.at[i] ?? 0);
    this.#plot.ariaValueText = words;
  }

  /** @param {Shown} shown @param {number} i */
  #words(shown, i) {
    const { series, format } = this.#kind;
    return shown.values.map((values, n) => {
      const value = values[i];
      const text = value === null ? "–" : format(value);
      return series.length > 1 ? `${series[n]} ${text}` : text;
    }).join(", ");
  }

  /** Fills the table while it is open, the latest first and a row for the last of each quarter of a minute. */
  #tabulate() {
    const shown = this.#shown;
    if (!this.#table.open || !shown) return;
    const part = (/** @type {number | undefined} */ at) => at && Math.floor(at / ROW);
    renew(this.#rows, ...shown.at.flatMap((at, i) => (part(at) === part(shown.at[i + 1]) ? [] : [
      h("tr", { "data-key": String(at) }, h("th", { scope: "row" }, exactly(at)), ...shown.values.map((values) => {
        const value = values[i];
        return h("td", {}, value === null ? "–" : this.#kind.format(value));
      })),
    ])).reverse());
  }

  /** @returns {number} the index of what is picked, or of the latest; -1 is that there is nothing */
  get #at() {
    return nearest(this.#shown?.at ?? [], this.#picked ?? Infinity);
  }

  /** @param {number} i picked from now on, or the one nearest to it */
  #go(i) {
    const at = this.#shown?.at ?? [];
    this.#pick(at[Math.min(at.length - 1, Math.max(0, i))]);
  }

  /** @param {number | undefined} moment */
  #pick(moment) {
    if (this.#picked === moment) return;
    this.#picked = moment;
    this.#draw();
  }

  #point = (/** @type {PointerEvent} */ event) => {
    const shown = this.#shown;
    if (!shown) return;
    const box = this.#plot.getBoundingClientRect();
    const share = (event.clientX - box.left - this.#left) / (box.width - 6 - this.#left);
    this.#go(nearest(shown.at, shown.since + share * (shown.until - shown.since) - (shown.step ?? 0) / 2));
  };

  #key = (/** @type {KeyboardEvent} */ event) => {
    const last = (this.#shown?.at.length ?? 0) - 1;
    const from = this.#at;
    const to = { ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1, PageUp: from + 10,
      PageDown: from - 10, Home: 0, End: last }[event.key];
    if (last < 0 || to === undefined) return;
    event.preventDefault();
    this.#go(to);
  };
}
