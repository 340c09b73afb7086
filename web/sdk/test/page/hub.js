// A page's way to a hub: what it asks is answered by the test, when the test likes.

/** @typedef {{ method: string, path: string, answer: (status: number, body?: object) => Promise<void> }} Request */

/** Lets everything happen that waits for no time. */
export const settle = () => new Promise((resolve) => setImmediate(resolve));

/** A stream of server-sent events, whose other end is the test. */
export class FakeSource extends EventTarget {
  static CLOSED = 2;
  /** @type {FakeSource[]} */ static all = [];
  readyState = 0;
  /** @type {(() => void) | undefined} */ onopen;
  /** @type {(() => void) | undefined} */ onerror;

  /** @param {string} url */
  constructor(url) {
    super();
    this.url = url;
    FakeSource.all.push(this);
  }

  /** Those that are open. */
  static get open() {
    return this.all.filter(({ readyState }) => readyState !== FakeSource.CLOSED);
  }

  close() {
    this.readyState = FakeSource.CLOSED;
  }

  /** @param {{ id: string, type: string }} event */
  send(event) {
    const message = Object.assign(new Event(event.type), { lastEventId: `after-${event.id}`, data: JSON.stringify(event) });
    if (this.readyState !== FakeSource.CLOSED) this.dispatchEvent(message);
  }
}

/** The page: it can be seen, or not. */
class FakeDocument extends EventTarget {
  hidden = false;

  /** @param {boolean} hidden */
  look(hidden) {
    this.hidden = hidden;
    this.dispatchEvent(new Event("visibilitychange"));
  }
}

/** Puts a page and its network into the place of the real ones. */
export function fakePage() {
  const document = new FakeDocument();
  /** @type {Request[]} */ const requests = [];
  FakeSource.all = [];
  const fetch = (/** @type {string} */ path, { method = "" } = {}) => new Promise((resolve) => {
    const answer = (/** @type {number} */ status, body = {}) => {
      requests.splice(requests.findIndex((request) => request.answer === answer), 1);
      const text = async () => JSON.stringify(body);
      resolve({ status, text, headers: new Headers() });
      return settle();
    };
    requests.push({ method, path, answer });
  });
  Object.assign(globalThis, { document, fetch, EventSource: FakeSource });
  return { document, requests };
}
