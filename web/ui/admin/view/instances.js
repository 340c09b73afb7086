// The instances: their load, and how they are.
import { ago, plain } from "/sdk/words.js";
import { h } from "../../lib/dom.js";
import { bytes, duration } from "./phrases.js";
import { exactly } from "./facts.js";
import { icon } from "./svg.js";

/** @import { Known, Metrics } from "../model/metrics.js" */
/** @import { Icon } from "./phrases.js" */

/** An instance that has not beaten for so long, in ms, is late. */
const LATE = 7_000;

const COLUMNS = ["Instance", "Health", "Connections", "Sessions", "CPU", "Memory", "Up", "Version", "Last beat"];

/**
 * Says how an instance is.
 * @param {Known} instance
 * @param {number} now in hub time
 * @returns {{ words: string, icon: Icon, tone: string }}
 */
function health({ goneSince, left, state, detail, beat_at: beat }, now) {
  if (goneSince && left) return { words: `Has left, ${ago(goneSince, now)}`, icon: "out", tone: "gone" };
  if (goneSince) return { words: `Gone without a word, ${ago(goneSince, now)}`, icon: "no", tone: "bad" };
  if (state === "draining") return { words: "Leaving", icon: "wait", tone: "wait" };
  if (state === "not_ready") return { words: `Not ready${detail ? `: ${plain(detail)}` : ""}`, icon: "warn", tone: "bad" };
  if (now - Date.parse(beat) > LATE) return { words: "Late", icon: "wait", tone: "wait" };
  if (state === "unknown") return { words: "Alive", icon: "ok", tone: "good" };
  return { words: "Ready", icon: "ok", tone: "good" };
}

/** Shows the instances in a table. */
export class Instances {
  #body = h("tbody", {});
  /** @type {Map<string, HTMLTableRowElement>} */
  #rows = new Map();

  /** @param {HTMLElement} element where they are */
  constructor(element) {
    const head = h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col" }, name)));
    element.replaceChildren(h("table", { class: "instances" }, h("thead", {}, head), this.#body));
  }

  /** @param {Metrics} metrics */
  show({ instances, now }) {
    const before = this.#rows;
    this.#rows = new Map();
    const rows = instances.map((instance) => {
      const key = `${instance.id} ${instance.started_at}`;
      const row = before.get(key) ?? h("tr", {}, ...COLUMNS.map((name, i) =>
        i === 0 ? h("th", { scope: "row" }) : h("td", { "data-label": name })));
      fill(row, instance, now);
      this.#rows.set(key, row);
      return row;
    });
    if (rows.length !== this.#body.children.length || rows.some((row, i) => this.#body.children[i] !== row)) {
      this.#body.replaceChildren(...rows);
    }
  }
}

/**
 * @param {HTMLTableRowElement} row
 * @param {Known} instance
 * @param {number} now
 */
function fill(row, instance, now) {
  const { words, icon: name, tone } = health(instance, now);
  const { cpu, memory_bytes: memory, max_connections: most, connections, goneSince } = instance;
  const since = (/** @type {string} */ at) => duration(Math.max(1000, now - Date.parse(at)));
  const gone = goneSince !== undefined;
  const texts = [
    plain(instance.id), words,
    gone ? "–" : connections.toLocaleString() + (most ? ` of ${most.toLocaleString()}` : ""),
    gone ? "–" : instance.sessions.toLocaleString(),
    gone || cpu === undefined ? "–" : `${Math.round(100 * cpu)}%`,
    gone || memory === undefined ? "–" : bytes(memory),
    gone ? "–" : since(instance.started_at), plain(instance.version), `${since(instance.beat_at)} ago`,
  ];
  row.classList.toggle("gone", gone);
  texts.forEach((text, i) => {
    const cell = row.cells[i];
    if (cell.textContent === text) return;
    if (i === 1) cell.replaceChildren(h("span", { class: `health ${tone}` }, /** @type {any} */ (icon(name)), h("span", {}, text)));
    else cell.replaceChildren(h("bdi", {}, text));
  });
  row.cells[6].title = `Since ${exactly(instance.started_at)}`;
}
