// The socket of a session: says what becomes of it, and comes back after a cut, but never after an ending.

/**
 * @typedef {{id: string, name: string, kind: string}} Device
 * @typedef {{session_id?: string, device?: Device, ip?: string, user_agent?: string}} Actor
 * @typedef {{id: string, user: string, device: Device, ip: string, created_at: string, last_active_at: string}} Session
 * @typedef {{reason: string, at: string, message: string, by?: Actor}} Ending
 * @typedef {object} Listener
 * @property {(state: "connecting" | "live" | "waiting") => void} status how the socket is
 * @property {(message: {session: Session, instance: string}) => void} welcome the hub has taken the socket
 * @property {(ending: Ending) => void} revoked the session has ended: show it
 * @property {(at: string) => void} expiring the session will end for want of activity
 * @property {() => void} renewed it will not, after all
 * @property {(reason: string) => void} lost the socket was closed for good, without a notice
 */

const shortest = 500; // ms until the first attempt to come back
const longest = 30_000; // and the most between two
const activityEvery = 15_000; // ms between two words of the user's activity

export class Connection {
  /** @type {WebSocket | undefined} */ #socket;
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
  #attempts = 0;
  #after = 0; // ms that the hub has asked to wait
  #told = 0; // when activity was last told
  #over = false;
  #listener;

  /** @param {Listener} listener */
  constructor(listener) {
    this.#listener = listener;
    this.start();
  }

  /** Connects, unless the session has ended. */
  start() {
    if (this.#over || this.#socket) return;
    const url = new URL("/v1/connect", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = new WebSocket(url, ["sessionhub.v1"]);
    this.#socket = socket;
    this.#listener.status(this.#attempts ? "waiting" : "connecting");
    socket.onmessage = ({ data }) => this.#receive(JSON.parse(data));
    socket.onclose = ({ code, reason }) => this.#closed(socket, code, reason);
  }

  /** Disconnects, for now. */
  stop() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    // A socket whose notice has come is left to the hub to close, so that the receipt gets through.
    if (!this.#over) socket?.close(1000);
  }

  /**
   * Tells the hub that the user did something, now and then, or at once.
   * @param {boolean} [atOnce]
   */
  active(atOnce = false) {
    const now = Date.now();
    if (!atOnce && now - this.#told < activityEvery) return;
    if (this.#send({ type: "activity" })) this.#told = now;
  }

  /** @param {any} message */
  #receive(message) {
    switch (message.type) {
      case "welcome":
        this.#attempts = 0;
        this.#after = 0;
        this.#listener.status("live");
        this.#listener.welcome(message);
        break;
      case "session.revoked": {
        const socket = this.#socket;
        this.#over = true;
        this.#listener.revoked(message);
        socket?.send(JSON.stringify({ type: "ack", id: message.id })); // it is on the screen
        break;
      }
      case "session.expiring":
        this.#listener.expiring(message.at);
        break;
      case "session.renewed":
        this.#listener.renewed();
        break;
      case "reconnect":
        this.#after = message.after_ms;
        break;
    }
  }

  /**
   * @param {WebSocket} socket
   * @param {number} code
   * @param {string} reason
   */
  #closed(socket, code, reason) {
    if (this.#socket !== socket || this.#over) return;
    this.#socket = undefined;
    const broken = code === 1003 || (code === 1008 && reason !== "too slow") || code === 1009;
    if ((code >= 4000 && code < 4100) || broken) {
      this.#over = true;
      this.#listener.lost(code < 4000 ? "The connection was closed by the hub." : "Your session has ended.");
      return;
    }
    this.#listener.status("waiting");
    this.#timer = setTimeout(() => this.start(), this.#wait());
  }

  /** Returns how long to wait: longer each time, and drawn at random, so that not all come back at once. */
  #wait() {
    const most = Math.min(longest, shortest * 2 ** this.#attempts++);
    const wait = this.#after + most * (0.5 + Math.random() / 2);
    this.#after = 0;
    return wait;
  }

  /** @param {object} message @returns {boolean} whether it could be sent */
  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }
}
