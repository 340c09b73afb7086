// The banner: what is wrong, and what is being done about it. While the hub does not answer, all that is shown is
// marked as old.
import { $ } from "../../lib/dom.js";
import { plain } from "/sdk/words.js";

/** @import { Link, Trouble } from "../model/link.js" */
/** @import { Metrics } from "../model/metrics.js" */

/** @param {number} at */
const time = (at) => new Date(at).toLocaleTimeString();

/**
 * Says what is wrong.
 * @param {Trouble | undefined} trouble
 * @param {Metrics | undefined} metrics
 * @returns {{ words: string, tone: "bad" | "wait" } | undefined}
 */
function wrong(trouble, metrics) {
  const as = metrics?.heardAt ? ` What is shown is as of ${time(metrics.heardAt)}.` : "";
  switch (trouble?.kind) {
    case "unreachable":
      return { tone: "bad", words: `Disconnected since ${time(trouble.since)}: the hub does not answer.${as} Trying again.` };
    case "store":
      return { tone: "bad", words: `The session store is away since ${time(trouble.since)}: logins and checks answer 503, ` +
        "open connections stay. It goes on by itself once the store is back." };
    case "unavailable":
      return { tone: "wait", words: `The hub cannot answer: ${plain(trouble.detail, 200) || "no reason given"}${as} Trying again.` };
  }
  const leaving = metrics?.instances.filter((i) => i.state === "draining" && !i.goneSince) ?? [];
  if (leaving.length === 0) return undefined;
  const names = leaving.map(({ id }) => plain(id)).join(", ");
  const all = leaving.length === metrics?.instances.filter((i) => !i.goneSince).length;
  return { tone: "wait", words: all ? `This hub is shutting down (${names}): its connections are asked to come back later.`
    : `Leaving: ${names}. Its connections are asked to go to the other instances.` };
}

/**
 * Shows how things are. It changes nothing in the page where nothing has changed, so that it is read out once.
 * @param {Link} link
 * @param {Metrics | undefined} metrics
 */
export function showState(link, metrics) {
  const now = wrong(link.trouble, metrics);
  const banner = $("banner");
  if ((now?.words ?? "") !== banner.textContent) {
    banner.textContent = now?.words ?? "";
    banner.dataset.tone = now?.tone ?? "";
    banner.hidden = now === undefined;
  }
  const { trouble } = link;
  document.body.toggleAttribute("data-old", trouble !== undefined);
  const kinds = { unreachable: "Disconnected", store: "Store away", unavailable: "Waiting" };
  $("link").dataset.state = trouble ? "waiting" : "live";
  $("link-text").textContent = trouble ? kinds[trouble.kind] : metrics?.heardAt ? "Live" : "Connecting…";
}
