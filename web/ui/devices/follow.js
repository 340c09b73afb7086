// When the list of devices may be another: the hub says so on a stream of server-sent events, and now and then it is
// looked at all the same, as sockets that come and go are no event. Neither counts as something that the user does.

const POLL = 10_000; // ms between two looks
const AGAIN = 30_000; // ms until a stream that was refused is tried again

/**
 * Calls `look` at once, when the list has changed, and every few seconds, while the page can be seen.
 * @param {() => void} look
 * @returns {() => void} ends it
 */
export function follow(look) {
  /** @type {EventSource | undefined} */ let stream;
  let refused = 0; // when the stream was; it comes back by itself from all else
  const listen = () => {
    stream = new EventSource("/v1/sessions/stream");
    stream.addEventListener("changed", look);
    stream.addEventListener("ended", () => {
      stream?.close();
      look(); // the answer says why
    });
    stream.addEventListener("error", () => {
      if (stream?.readyState === EventSource.CLOSED) refused = Date.now();
    });
  };
  const rest = () => {
    stream?.close();
    stream = undefined;
  };
  const wake = () => {
    if (document.hidden) return rest(); // a browser has few connections, and other tabs
    look();
    if (!stream) listen();
  };
  const tick = setInterval(() => {
    if (document.hidden) return;
    look();
    if (stream?.readyState === EventSource.CLOSED && Date.now() - refused > AGAIN) listen();
  }, POLL);
  document.addEventListener("visibilitychange", wake);
  addEventListener("online", wake);
  wake();
  return () => {
    clearInterval(tick);
    document.removeEventListener("visibilitychange", wake);
    removeEventListener("online", wake);
    rest();
  };
}
