// How the dashboard reaches the hub, and how that goes. Everything it asks goes through here, so that one place knows
// whether the key is good, the hub there, and the store behind it.
import { call } from "../../lib/api.js";

/** @import { Answer } from "../../lib/api.js" */

/** Where the dashboard's own sign-in is. */
export const SESSION = "/v1/admin/session";

/**
 * What stands between the dashboard and the hub, the worst of it, since when in ms since 1970.
 * @typedef {{ kind: "unreachable" | "store" | "unavailable", detail: string, since: number }} Trouble
 */

/** No answer that could be used has come. Whoever shows the trouble shows this too. */
export class NoAnswer extends Error {}

/** The ways to an answer from the hub. */
export class Link {
  /** @type {Map<object, Trouble>} by who was asking */
  #troubles = new Map();
  /** Those who ask no more. @type {WeakSet<object>} */
  #forgotten = new WeakSet();
  /** How often somebody has signed in or out: an answer to what was asked before that tells nothing of the key. */
  #era = 0;
  /** @type {(() => void)[]} */
  #listeners = [];
  /** Whether the hub takes the key that signed in here; undefined is not known yet. @type {boolean | undefined} */
  admitted;

  /** @param {() => void} listener is called whenever admitted or trouble may have changed */
  watch(listener) {
    this.#listeners.push(listener);
  }

  /** @returns {Trouble | undefined} the worst there is */
  get trouble() {
    const all = [...this.#troubles.values()];
    return all.find((t) => t.kind === "unreachable") ?? all.find((t) => t.kind === "store") ?? all[0];
  }

  /**
   * Asks the hub. It throws NoAnswer where the hub is not there or says that it cannot answer now, and where the key
   * is no longer good; other refusals are answers.
   * @param {object} who is asking: a trouble lasts until the same one is answered, or forgotten
   * @param {string} method
   * @param {string} path
   * @param {object} [body]
   * @returns {Promise<Answer>}
   */
  async ask(who, method, path, body) {
    const era = this.#era;
    let answer;
    try {
      answer = await call(method, path, body);
    } catch {
      this.#meet(who, "unreachable", "");
      throw new NoAnswer("The hub does not answer.");
    }
    for (const [other, trouble] of this.#troubles) {
      if (trouble.kind === "unreachable") this.#troubles.delete(other);
    }
    if (answer.status >= 500) {
      const store = answer.status === 503 && /store/.test(answer.body.detail ?? "");
      this.#meet(who, store ? "store" : "unavailable", answer.body.detail ?? "");
      throw new NoAnswer(answer.body.detail || "The hub cannot answer.");
    }
    this.#troubles.delete(who);
    if (era === this.#era && answer.status === 401) this.#admit(false);
    else if (era === this.#era && answer.status < 400 && !this.admitted) this.#admit(true);
    else this.#tell();
    if (answer.status === 401) throw new NoAnswer("You are signed out.");
    return answer;
  }

  /**
   * Signs in with an API key, which is then in a cookie that no page can read. It throws where no answer comes.
   * @param {string} key
   * @returns {Promise<Answer>}
   */
  async signIn(key) {
    const answer = await call("POST", SESSION, { api_key: key });
    if (answer.status === 201) this.#admit(true);
    return answer;
  }

  /** Signs out. It throws where that cannot be said to have happened. */
  async signOut() {
    await this.ask(this, "DELETE", SESSION);
    this.#troubles.clear();
    this.#admit(false);
  }

  /** Takes back what somebody has met who asks no more, and what is still under way. @param {object} who */
  forget(who) {
    this.#forgotten.add(who);
    if (this.#troubles.delete(who)) this.#tell();
  }

  /**
   * @param {object} who
   * @param {Trouble["kind"]} kind
   * @param {string} detail
   */
  #meet(who, kind, detail) {
    if (this.#forgotten.has(who)) return;
    const before = this.#troubles.get(who);
    this.#troubles.set(who, before?.kind === kind ? before : { kind, detail, since: Date.now() });
    this.#tell();
  }

  /** @param {boolean} admitted */
  #admit(admitted) {
    if (this.admitted !== admitted) this.#era++;
    this.admitted = admitted;
    this.#tell();
  }

  #tell() {
    for (const listener of this.#listeners) listener();
  }
}
