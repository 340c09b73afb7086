// What `import "@sessionhub/client/session-notice"` brings a page: the element, by its name in the document.
import type { SessionNotice } from "./session-notice.js";

export * from "./session-notice.js";

declare global {
  interface HTMLElementTagNameMap {
    "session-notice": SessionNotice;
  }
}
