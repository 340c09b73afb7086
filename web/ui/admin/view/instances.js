// The instances: their load, and how they are.
import { ago, plain } from "/sdk/words.js";
import { h, renew } from "../../lib/dom.js";
import { bytes, duration } from "./phrases.js";
import { exactly } from "./facts.js";
import { icon } from "./svg.js";

/** @import { Known, Metrics } from "../model/metrics.js" */
/** @import { Icon } from "./phrases.js" */

/** @typedef {{ words: string, icon: Icon, tone: string }} Health how an instance is */

/** An instance that has not beaten for so long, in ms, is late. */
const LATE = 7_000;

const COLUMNS = ["Instance", "Health", "Connections", "Sessions", "CPU", "Memory", "Up", "Version", "Last beat"];

/**
 * Says how an instance is.
 * @param {Known} instance
 * @param {number} now in hub time
 * @returns {Health}
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
  #count;

  /**
   * @param {HTMLElement} element where they are
   * @param {HTMLElement} count says how many there are, and how they are
   */
  constructor(element, count) {
    const head = h("tr", {}, ...COLUMNS.map((name) => h("th", { scope: "col" }, name)));
    element.replaceChildren(h("table", { class: "instances" }, h("thead", {}, head), this.#body));
    this.#count = count;
  }

  /** @param {Metrics} metrics */
  show({ instances, now }) {
    const all = instances.map((instance) => ({ instance, health: health(instance, now) }));
    renew(this.#body, ...all.map(({ instance, health }) => row(instance, health, now)));
    const here = all.filter(({ instance }) => !instance.goneSince);
    const unwell = all.filter(({ health }) => health.tone === "bad" || health.tone === "wait").length;
    this.#count.textContent = `${here.length.toLocaleString()}, ${unwell ? `${unwell.toLocaleString()} to look at` : "all well"}`;
    this.#count.dataset.tone = unwell ? "wait" : "good";
  }
}

/**
 * @param {Known} instance
 * @param {Health} health
 * @param {number} now
 */
function row(instance, { words, icon: name, tone }, now) {
  const { cpu, memory_bytes: memory, max_connections: most, connections, goneSince } = instance;
  const since = (/** @type {string} */ at) => duration(Math.max(1000, now - Date.parse(at)));
  const gone = goneSince !== undefined;
  const cells = [
    h("span", { class: `health ${tone}` }, /** @type {any} */ (icon(name)), h("span", {}, words)),
    gone ? "–" : connections.toLocaleString() + (most ? ` of ${most.toLocaleString()}` : ""),
    gone ? "–" : instance.sessions.toLocaleString(),
    gone || cpu === undefined ? "–" : `${Math.round(100 * cpu)}%`,
    gone || memory === undefined ? "–" : bytes(memory),
    h("span", { title: `Since ${exactly(instance.started_at)}` }, gone ? "–" : since(instance.started_at)),
    h("bdi", {}, plain(instance.version)), `${since(instance.beat_at)} ago`,
  ];
  return h("tr", { "data-key": `${instance.id} ${instance.started_at}`, class: gone && "gone" },
    h("th", { scope: "row" }, h("bdi", {}, plain(instance.id))),
    ...cells.map((cell, i) => h("td", { "data-label": COLUMNS[i + 1] }, cell)));
}
