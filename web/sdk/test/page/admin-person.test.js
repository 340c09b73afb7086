// What the dashboard shows of one user, when the hub cannot say.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Link } from "../../../ui/admin/model/link.js";
import { Person } from "../../../ui/admin/model/person.js";
import { fakePage, settle } from "./hub.js";

test("a user is looked at soon again when the hub could not say, and else in a while", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_000_000 });
  const { requests } = fakePage();
  const link = new Link();
  const person = new Person(link, "alice", () => {});
  t.after(() => person.close());
  const asked = () => requests.filter(({ path }) => path.includes("/users/"));
  const answer = async (/** @type {number} */ status, /** @type {object} */ body) => {
    for (const request of asked()) await request.answer(status, body);
  };
  t.mock.timers.tick(0);
  await answer(503, { detail: "The session store does not answer." });
  assert.equal(link.trouble?.kind, "store");
  t.mock.timers.tick(3_000);
  await settle();
  assert.equal(asked().length, 2);
  await answer(200, { sessions: [], ended: [] });
  assert.equal(link.trouble, undefined);
  t.mock.timers.tick(9_999);
  assert.equal(asked().length, 0);
  t.mock.timers.tick(1);
  assert.equal(asked().length, 2);
});
