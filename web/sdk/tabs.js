// The tabs of a browser that share one line to the hub.

/**
 * @import { Channel, Platform } from "./types.d.ts"
 * @typedef {{ lead(): void, follow(): void, hear(data: any): void }} Member
 */

const ANSWER_WITHIN = 2000; // ms that a tab which leads may take to answer another

/** One tab of them. One leads: it holds the lock, and the line. The others hear from it. */
export class Tabs {
  #p;
  #name;
  #to;
  /** @type {Channel} */ #channel;
  /** @type {any} */ #waiting; // aborts the place in the queue for the lock
  /** @type {(() => void) | undefined} */ #release; // gives the lock up; this tab leads
  /** @type {unknown} */ #timer;
  #left = false;

  /** @param {Platform} platform @param {string} name what they have in common @param {Member} to */
  constructor(platform, name, to) {
    this.#p = platform;
    this.#name = name;
    this.#to = to;
    this.#channel = new /** @type {any} */ (platform.BroadcastChannel)(name);
    this.#channel.onmessage = ({ data }) => {
      if (!data.ask && !data.send) platform.clearTimeout(this.#timer);
      to.hear(data);
    };
    this.#queue();
    this.ask();
  }

  /** @param {any} data */
  post(data) {
    this.#channel.postMessage(data);
  }

  /** Asks how the line is. A tab that leads and does not answer may sleep for ever: its place is taken. */
  ask() {
    if (this.#release) return;
    this.post({ ask: true });
    this.#p.clearTimeout(this.#timer);
    this.#timer = this.#p.setTimeout(() => {
      this.#waiting.abort();
      this.#queue(true);
    }, ANSWER_WITHIN);
  }

  leave() {
    this.#left = true;
    this.#p.clearTimeout(this.#timer);
    this.#waiting.abort();
    this.#release?.();
    this.#channel.close();
  }

  /** @param {boolean} [steal] */
  async #queue(steal) {
    const waiting = (this.#waiting = new /** @type {any} */ (globalThis).AbortController());
    const lead = () =>
      new Promise((/** @type {(v: void) => void} */ release) => {
        this.#p.clearTimeout(this.#timer);
        if (this.#left) return release();
        this.#release = release;
        this.#to.lead();
      });
    try {
      await this.#p.locks?.request(this.#name, steal ? { steal } : { signal: waiting.signal }, lead);
    } catch (error) {
      if (this.#left || waiting.signal.aborted) return;
      if (/** @type {any} */ (error).name !== "AbortError") return void lead(); // no locks here: each for itself
      this.#release = undefined; // another tab has taken the lock
      this.#to.follow();
      this.#queue();
    }
  }
}
