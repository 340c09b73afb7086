// A button that asks once more, in its place, before it does what cannot be undone.
import { h } from "../lib/dom.js";

/**
 * What is asked, and done.
 * @typedef {object} Question
 * @property {string} label of the button
 * @property {Node} [of] what it is about, for those who do not see where the button stands
 * @property {() => (Node | string)[]} question
 * @property {string} yes
 * @property {() => Promise<string | void>} act returns what to say where it did not work
 */

/**
 * Makes such a button, and what it turns into.
 * @param {Question} question
 * @returns {HTMLElement}
 */
export function ask({ label, of, question, yes, act }) {
  const spoken = of && h("span", { class: "unseen" }, " ", of);
  const button = h("button", { type: "button", click: open }, label, spoken);
  const box = h("div", { class: "ask" }, button);

  function open() {
    const problem = h("p", { class: "problem", role: "alert", hidden: true });
    const sure = h("button", { type: "button", class: "danger", click: go }, yes);
    const keep = h("button", { type: "button", click: shut }, "Keep");
    async function go() {
      if (sure.ariaDisabled) return; // it is under way; a button that is disabled would lose the focus
      sure.ariaDisabled = "true";
      const trouble = await act();
      sure.ariaDisabled = null;
      problem.textContent = trouble ?? "";
      problem.hidden = !trouble;
      if (!trouble && sure.isConnected) shut();
    }
    const text = h("p", {}, ...question());
    box.replaceChildren(text, problem, h("div", { class: "row" }, sure, keep));
    box.classList.add("open");
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", label);
    text.id = `ask-${++asked}`;
    sure.setAttribute("aria-describedby", text.id);
    sure.focus();
  }

  function shut() {
    const focused = box.contains(document.activeElement);
    box.replaceChildren(button);
    box.classList.remove("open");
    box.removeAttribute("role");
    box.removeAttribute("aria-label");
    if (focused) button.focus();
  }

  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && box.classList.contains("open")) shut();
  });
  return box;
}

let asked = 0;
