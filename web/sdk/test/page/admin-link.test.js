// What the dashboard knows of the hub, with answers that come late and out of order.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Link, NoAnswer } from "../../../ui/admin/model/link.js";
import { fakePage, settle } from "./hub.js";

const away = { detail: "The session store is away." };

test("an answer to what was asked before the sign-out signs nobody in again", async () => {
  const { requests } = fakePage();
  const link = new Link();
  const first = link.ask({}, "GET", "/first");
  await requests[0].answer(200);
  await first;
  const late = link.ask({}, "GET", "/late");
  const out = link.signOut();
  await requests[1].answer(204);
  await out;
  await requests[0].answer(200);
  await late;
  assert.equal(link.admitted, false);
});

test("a refusal of what was asked before the sign-in signs nobody out", async () => {
  const { requests } = fakePage();
  const link = new Link();
  const asked = [link.ask({}, "GET", "/first"), link.ask({}, "GET", "/late")];
  for (const one of asked) one.catch(() => {});
  await requests[0].answer(401);
  assert.equal(link.admitted, false);
  const signIn = link.signIn("key");
  await requests[1].answer(201);
  await signIn;
  await requests[0].answer(401);
  await assert.rejects(asked[1], NoAnswer);
  assert.equal(link.admitted, true);
});

test("a trouble lasts until who met it is answered, or asks no more", async () => {
  const { requests } = fakePage();
  const link = new Link();
  const [one, other] = [{}, {}];
  const ask = async (/** @type {object} */ who, /** @type {number} */ status, body = {}) => {
    const asked = link.ask(who, "GET", "/").catch(() => {});
    await requests[0].answer(status, body);
    await asked;
  };
  await ask(one, 503, away);
  await ask(other, 200);
  assert.equal(link.trouble?.kind, "store");
  await ask(one, 200);
  assert.equal(link.trouble, undefined);

  const late = link.ask(one, "GET", "/");
  link.forget(one);
  await Promise.all([assert.rejects(late, NoAnswer), requests[0].answer(503, away)]);
  await settle();
  assert.equal(link.trouble, undefined);
});
