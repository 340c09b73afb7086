// What the hub counts, and its instances: asked every few seconds, and only while somebody looks.
import { lastBeat, merged, remembered, sample, together } from "./counters.js";
import { NoAnswer } from "./link.js";

/** @import { Link } from "./link.js" */
/** @import { Instance, Point, Sample } from "./counters.js" */

/** @typedef {Instance & { goneSince?: number, left?: boolean }} Known an instance, of which goneSince is in hub time */

/** For how long samples are kept and shown, and instances that have gone, in ms. */
export const SPAN = 10 * 60_000;

/** How often the hub is asked, in ms: as often as its instances beat. */
const EVERY = 3_000;

/** Samples the hub. */
export class Metrics {
  /** @type {Sample[]} oldest first */
  samples = [];
  /** @type {Known[]} those that live, then those that have gone */
  instances = [];
  /** The bounds of the latencies in ms; undefined are the usual. @type {number[] | undefined} */
  bounds;
  /** When the hub was last heard of, in ms by the clock here; 0 is never. */
  heardAt = 0;

  #link;
  #changed;
  /** How far the hub's clock is ahead of the one here, in ms. */
  #ahead = 0;
  /** The latest beat that was heard of, in hub time. */
  #beat = 0;
  /** @type {Instance[]} */
  #living = [];
  /** The last that the hub remembered, until the instances are known. @type {Point | undefined} */
  #last;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  #open = true;

  /**
   * @param {Link} link
   * @param {() => void} changed is called after each answer
   */
  constructor(link, changed) {
    this.#link = link;
    this.#changed = changed;
    document.addEventListener("visibilitychange", this.#look);
    this.#look();
  }

  /** @returns {number} what time it is at the hub, in ms since 1970, about */
  get now() {
    return Date.now() + this.#ahead;
  }

  /** Asks no more. */
  close() {
    this.#open = false;
    clearTimeout(this.#timer);
    document.removeEventListener("visibilitychange", this.#look);
    this.#link.forget(this);
  }

  /** Begins when somebody looks, and stops when nobody does. */
  #look = () => {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!document.hidden && this.#open) this.#ask();
  };

  async #ask() {
    try {
      if (Date.now() - this.heardAt > 3 * EVERY) await this.#remember();
      const { body } = await this.#link.ask(this, "GET", "/v1/admin/instances");
      if (this.#open) this.#take(body.instances);
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
    } finally {
      // Only one of several that were begun by looking away and back goes on.
      if (!document.hidden && this.#open && this.#timer === undefined) this.#timer = setTimeout(this.#again, EVERY);
    }
  }

  #again = () => {
    this.#timer = undefined;
    this.#ask();
  };

  /** Fills the time before now, or the time nobody looked, with what the hub remembers. */
  async #remember() {
    const { body } = await this.#link.ask(this, "GET", "/v1/admin/stats/history");
    const points = remembered(body.points);
    this.samples = merged(this.samples, points, (points.at(-1)?.at ?? 0) - SPAN);
    this.#last = body.points.at(-1);
    this.#living = [];
  }

  /**
   * Samples the instances for the first time after what the hub remembered: there are sums alone to compare them with.
   * @param {Instance[]} instances
   * @param {Point} last
   */
  #first(instances, last) {
    const now = together(instances);
    return remembered([last, { ...now, continues: now.instances === last.instances }])[1];
  }

  /** @param {Instance[]} instances */
  #take(instances) {
    const next = this.#last ? this.#first(instances, this.#last) : sample(instances, this.#living);
    if (next.at > (this.samples.at(-1)?.at ?? 0)) {
      this.samples = merged(this.samples, [next], next.at - SPAN);
      this.#living = instances;
      this.#last = undefined;
    }
    this.bounds = instances.find((i) => i.notice_ms)?.notice_ms?.le ?? this.bounds;
    const here = new Set(instances.map(({ id }) => id));
    const gone = this.instances.filter((i) => !here.has(i.id) && next.at - (i.goneSince ?? next.at) < SPAN);
    this.instances = [
      ...instances.sort((a, b) => (a.id < b.id ? -1 : 1)),
      ...gone.map((i) => ({ ...i, goneSince: i.goneSince ?? next.at, left: i.left ?? i.state === "draining" })),
    ];
    this.heardAt = Date.now();
    // While the store is away the hub knows of no later beats: time goes on, and what is old gets late.
    const beat = lastBeat(instances);
    if (beat > this.#beat) this.#ahead = beat - this.heardAt;
    this.#beat = Math.max(this.#beat, beat);
    this.#changed();
  }
}
