// Two hundred clients of a real hub that is restarted while they are connected. cmd/hub/sdk_test.go starts the hubs,
// and waits for what is printed here.
import assert from "node:assert/strict";
import { connect } from "../../sessionhub.js";

const { HUB_URL: url, HUB_API_KEY: key } = process.env;
const crowd = 200;

let welcomes = 0;
/** @type {number[]} */ const codes = [];
/** @type {(() => void)[]} */ const closes = [];

/** @param {number} i */
async function join(i) {
  const answer = await fetch(`${url}/v1/admin/sessions`, {
    method: "POST",
    headers: { Authorization: `Bearer ${key}`, "Content-Type": "application/json" },
    body: JSON.stringify({ user: `user-${i}` }),
  });
  const { token } = /** @type {any} */ (await answer.json());
  const hub = connect({ url, token });
  closes.push(() => hub.close());
  hub.on("revoked", ({ reason }) => assert.fail(reason));
  hub.on("state", ({ name, code }) => name === "waiting" && code !== 1006 && codes.push(code ?? 0));
  hub.on("welcome", () => {
    welcomes++;
    if (welcomes === crowd) console.log("all live");
    if (welcomes === 2 * crowd) end();
  });
}

function end() {
  assert.deepEqual(codes, Array(crowd).fill(1012), "each was asked to leave, once");
  for (const close of closes) close();
  console.log("all back");
}

for (let i = 0; i < crowd; i++) await join(i);
