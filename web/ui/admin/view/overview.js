// The charts: what the hub has done in the last ten minutes.
import { quantile, steps, sum } from "../model/counters.js";
import { SPAN } from "../model/metrics.js";
import { Chart } from "./chart.js";
import { counted, duration } from "./phrases.js";

/** @import { Metrics } from "../model/metrics.js" */
/** @import { Gain } from "../model/counters.js" */

/** How long a bar or a point of the latencies is of, in ms. */
const STEP = 15_000;
const MINUTE = 60_000;

const compact = new Intl.NumberFormat([], { notation: "compact", maximumFractionDigits: 1 });
const brief = (/** @type {number} */ n) => compact.format(n);

/** Shows the charts. */
export class Overview {
  #connections = new Chart({ title: "Connections", series: ["Connections"], shape: "lines", tick: brief,
    format: (n) => counted(n, "connection") });
  #sessions = new Chart({ title: "Connected sessions", series: ["Sessions"], shape: "lines", tick: brief,
    format: (n) => counted(n, "session") });
  #logins = new Chart({ title: "Logins", series: ["Logins"], shape: "bars", tick: brief,
    format: (n) => `${counted(n, "login")} in 15 s` });
  #forced = new Chart({ title: "Forced logouts", series: ["Forced logouts"], shape: "bars", tick: brief,
    format: (n) => `${counted(n, "forced logout")} in 15 s` });
  #latency = new Chart({ title: "Notice latency", series: ["p50", "p99"], shape: "lines", wide: true, powers: true,
    format: duration, tick: (ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`) });

  /** @param {HTMLElement} element where they are */
  constructor(element) {
    element.replaceChildren(...[this.#connections, this.#sessions, this.#logins, this.#forced, this.#latency]
      .map((chart) => chart.element));
  }

  /** @param {Metrics} metrics */
  show({ samples, bounds, now }) {
    const window = { since: now - SPAN, until: now };
    const at = samples.map((s) => s.at);
    const last = samples.at(-1);
    this.#connections.show({ ...window, at, values: [samples.map((s) => s.connections)],
      value: (last?.connections ?? 0).toLocaleString(), unit: "open now" });
    this.#sessions.show({ ...window, at, values: [samples.map((s) => s.sessions)],
      value: (last?.sessions ?? 0).toLocaleString(), unit: "with a connection" });
    const end = Math.ceil(now / STEP) * STEP;
    const whole = { since: end - SPAN, until: end };
    const all = steps(samples, whole.since, end - 1, STEP);
    const minute = sum(gains(samples.filter((s) => s.at > now - MINUTE)));
    this.#bars(this.#logins, whole, all, ({ logins }) => logins, minute.logins);
    this.#bars(this.#forced, whole, all, ({ forced }) => forced, minute.forced);
    const told = sum(gains(samples));
    const of = (/** @type {number} */ share) => quantile(told.latency, share, bounds);
    this.#latency.show({ ...whole, at: all.map((s) => s.at + STEP / 2),
      values: [0.5, 0.99].map((share) => all.map(({ gain }) => gain && quantile(gain.latency, share, bounds))),
      ...latencyWords(of(0.5), of(0.99), told) });
  }

  /**
   * @param {Chart} chart
   * @param {{ since: number, until: number }} whole steps
   * @param {{ at: number, gain: Gain | null }[]} all
   * @param {(gain: Gain) => number} pick
   * @param {number} minute
   */
  #bars(chart, whole, all, pick, minute) {
    chart.show({ ...whole, at: all.map((s) => s.at), values: [all.map(({ gain }) => gain && pick(gain))],
      step: STEP, value: minute.toLocaleString(), unit: "in the last minute" });
  }
}

/** @param {{ gain: Gain | null }[]} samples @returns {Gain[]} */
const gains = (samples) => samples.flatMap(({ gain }) => gain ?? []);

/**
 * @param {number | null} p50
 * @param {number | null} p99
 * @param {Gain} told
 */
function latencyWords(p50, p99, { told, acked }) {
  if (p50 === null || p99 === null) return { value: "–", unit: "no notices in the last 10 minutes" };
  const share = told ? Math.min(100, Math.floor((100 * acked) / told)) : 0;
  return { value: duration(p50), unit: `median · 99% within ${duration(p99)} · ${share}% acknowledged` };
}
