// What is known of one row of a list, beside it.
import { h, renew } from "../../lib/dom.js";

/** A panel that is there while something is shown in it. */
export class Details {
  #title;
  #content = h("div", {});
  #leave;

  /**
   * @param {"h3" | "h4"} heading of the panel
   * @param {() => void} leave is called when the user closes it
   */
  constructor(heading, leave) {
    this.#title = h(heading, { tabIndex: -1 });
    this.#leave = leave;
    /** The panel. */
    this.element = h("section", { class: "details", hidden: true, ariaLabel: "Details",
      keydown: (/** @type {KeyboardEvent} */ e) => e.key === "Escape" && this.#close() },
      h("div", { class: "details-head" }, this.#title,
        h("button", { type: "button", class: "quiet-button", click: () => this.#close() }, "Close")),
      this.#content);
  }

  /**
   * Shows something, and goes there.
   * @param {string} title
   * @param {...Node} content
   */
  show(title, ...content) {
    this.#title.textContent = title;
    this.#content.replaceChildren(...content);
    this.element.hidden = false;
    this.#title.focus();
  }

  /** Shows the same, as it is by now. @param {...Node} content */
  renew(...content) {
    renew(this.#content, ...content);
  }

  hide() {
    this.element.hidden = true;
    this.#content.replaceChildren();
  }

  #close() {
    this.hide();
    this.#leave();
  }
}
