// What people are told. It is English; times are the reader's own.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { connect } from "../sessionhub.js";
import { byAnother, clock, explain, plain, program, when, worthSaying } from "../words.js";
import { ENGLISH, Language, faults } from "../notice-texts.js";
import { World, settle, token } from "./world.js";

const url = "https://hub.example";
const english = new Language();

/** What the hub's own sentences are held to as well. @type {{ name: string, text: string, want: string }[]} */
const lines = JSON.parse(readFileSync(new URL("../../../session/testdata/plain.json", import.meta.url), "utf8"));

for (const { name, text, want } of lines) {
  test(`text from outside is one line, bounded, without what is not seen: ${name}`, () => assert.equal(plain(text), want));
}

test("what no JSON holds is one line too", () => {
  assert.equal(plain(undefined), "");
  assert.equal(plain(7), "7");
  assert.equal(plain("a\uD800b"), "a b");
  assert.equal(plain("W".repeat(10_000), 10), "WWWWWWWWW…");
});

test("a reason that only a later hub knows is told in the hub's words", () => {
  for (const reason of ["of_tomorrow", "toString", "__proto__"]) {
    const told = english.headline({ reason: /** @type {any} */ (reason), message: "It\u202E is over." });
    assert.deepEqual(told, { title: "You were signed out", text: "It is over." });
  }
});

test("who signed out at the provider is told so", () => {
  const told = (/** @type {string} */ message) => english.headline({ reason: "signed_out", message }).text;
  assert.equal(told("You were signed out at the service."), "You were signed out at the service.");
  for (const message of ["You signed out.", "You signed out at 23:59 UTC.", ""]) assert.match(told(message), /another tab/);
});

test("an administrator's own words are told, and the hub's for want of them are not", () => {
  const told = (/** @type {string} */ message) => english.headline({ reason: "ended_by_admin", message }).text;
  assert.equal(told("See the desk."), "See the desk.");
  for (const message of ["An administrator ended this session.", "An administrator ended this session at 08:30 UTC.", ""]) {
    assert.match(told(message), /^Sign in again/);
  }
});

test("only of another session can its user say that it was not theirs", () => {
  const by = { session_id: "s2" };
  for (const reason of /** @type {const} */ (["superseded", "ended_by_user"])) {
    assert.equal(byAnother({ reason, by, message: "" }), true);
    assert.equal(byAnother({ reason, by: {}, message: "" }), false);
    assert.equal(byAnother({ reason, message: "" }), false);
  }
  assert.equal(byAnother({ reason: "ended_by_admin", by, message: "" }), false);
});

test("times are written as their readers write them, and dates so that all read the same", () => {
  const at = new Date(2026, 10, 12, 8, 5).getTime();
  assert.match(clock(at, "en-US"), /^8:05\sAM$/);
  assert.equal(clock(at, "de"), "08:05");
  assert.match(when(at, "", "en-US"), /^Nov 12, 2026, 8:05\sAM$/);
  const now = new Date();
  assert.equal(when(now.getTime(), "today at ", "de"), `today at ${clock(now.getTime(), "de")}`);
});

test("why a session has ended is said in the reader's own time", () => {
  const at = "2026-11-22T08:54:10.000Z";
  const said = (/** @type {string} */ message) => explain({ at, message });
  assert.equal(said("You were signed out at 08:54 UTC, as it was idle."), `You were signed out at ${clock(at)}, as it was idle.`);
  assert.equal(said("Come at 09:30 UTC."), "Come at 09:30 UTC.");
  assert.equal(explain({ message: "It\u202E is over." }), "It is over.");
});

test("a program is named as far as it is known", () => {
  for (const [client, want] of /** @type {const} */ ([
    [{ browser: "Firefox", browser_version: "140", system: "Android", system_version: "14" }, "Firefox 140 on Android 14"],
    [{ browser: "", browser_version: "", system: "Windows", system_version: "" }, "Windows"],
    [{ browser: "curl", browser_version: "8.5", system: "", system_version: "" }, "curl 8.5"],
    [{ browser: "a\u202Eb" }, "a b"],
    [undefined, ""],
  ])) assert.equal(program(client), want);
});

test("the time that is left, and when to say it", () => {
  for (const [ms, want] of /** @type {const} */ ([
    [60_000, "60 seconds"], [59_001, "60 seconds"], [1001, "2 seconds"], [1000, "1 second"], [0, "0 seconds"],
    [-5000, "0 seconds"],
  ])) assert.equal(english.left(ms), want);
  for (const [before, now, want] of /** @type {const} */ ([
    [60_000, 59_000, false], [30_500, 30_000, true], [30_000, 29_000, false], [12_000, 9000, true], [45_000, 5000, true],
    [9000, 0, false],
  ])) assert.equal(worthSaying(before, now), want, `${before} to ${now}`);
});

test("each answer to a report says what is done, or what to do", () => {
  for (const [answer, title, text] of /** @type {[any, string | undefined, RegExp][]} */ ([
    [{ status: 200, body: { ended: true } }, "It has been signed out", /Change your password/],
    [{ status: 200, body: { ended: false } }, "It was signed out already", /Change your password/],
    [{ status: 401, body: {} }, undefined, /not your password/],
    [{ status: 401, body: { type: "/problems/sign-on-denied" } }, undefined, /as somebody else/],
    [{ status: 401, body: { type: "/problems/id-token-other" } }, undefined, /as somebody else/],
    [{ status: 401, body: { type: "/problems/sign-on-stale" } }, undefined, /not asked there .* sign in again here/],
    [{ status: 401, body: { reason: "unknown" } }, "It can no longer be reported here", /Sign in again/],
    [{ status: 409, body: { reason: "idle" } }, "It can no longer be reported here", /Sign in again/],
    [{ status: 404, body: {} }, "Sign in again to end it", /Passwords are not checked here/],
    [{ status: 429, after: 30_000 }, undefined, /again in 30 seconds/],
    [{ status: 503, body: {} }, undefined, /does not answer/],
    [undefined, undefined, /does not answer/],
  ])) {
    const told = english.verdict(answer);
    assert.equal(told.title, title);
    assert.match(told.text, text);
  }
});

test("a translation that is missing, or is none, stays English", () => {
  const texts = /** @type {any} */ ({ close: undefined, back: null, idle: "Idle.", sign_in: 7, reload: "Neu laden", gone: {} });
  const words = new Language(texts, "de");
  assert.deepEqual([words.say("close"), words.say("back"), words.say("sign_in"), words.say("reload")],
    ["Close", "Back", "Sign in again", "Neu laden"]);
  assert.equal(words.headline({ reason: "idle", message: "" }).title, "You were signed out");
  assert.equal(faults(texts).length, 5);
});

test("a report goes to the hub with the session's token, and what it answers comes back", async () => {
  const world = new World();
  const hub = connect({ url, token: token(), platform: world.platform() });
  world.answer = () => ({ status: 429, body: { title: "Slow" }, headers: { "Retry-After": "7" } });
  const answer = await hub.report({ password: "secret" });
  assert.deepEqual(answer, { status: 429, body: { title: "Slow" }, after: 7000 });
  const [request] = world.requests;
  assert.deepEqual([request.method, request.url, request.body], ["POST", `${url}/v1/session/report`, { password: "secret" }]);
  assert.equal(request.headers.Authorization, `Bearer ${token()}`);
  world.answer = () => undefined;
  await assert.rejects(hub.report({ id_token: "t", nonce: "n" }), TypeError);
  hub.close();
});

test("the app's own sign-out is known as that", async () => {
  const world = new World();
  const hub = connect({ url, token: token(), platform: world.platform() });
  assert.equal(hub.leaving, false);
  world.answer = () => ({ status: 503 });
  await assert.rejects(hub.logout(), /could not sign out/);
  assert.equal(hub.leaving, false, "it has not worked: another tab's sign-out is news");
  world.answer = () => ({ status: 204 });
  await hub.logout();
  await settle();
  assert.deepEqual([hub.leaving, hub.state.reason], [true, "signed_out"]);
});

test("what an app's texts cannot be is said", () => {
  assert.deepEqual(faults(ENGLISH), []);
  assert.deepEqual(faults({ was_me: "Das war ich", idle: ["Abgemeldet", "Es war nichts los."] }), []);
  for (const [texts, want] of /** @type {[any, string][]} */ ([
    [{ was_mee: "Das war ich" }, 'there is no text "was_mee"'],
    [{ toString: "x" }, 'there is no text "toString"'],
    [{ was_me: ["Das war ich", ""] }, '"was_me" is not like the English one'],
    [{ idle: "Abgemeldet" }, '"idle" is not like the English one'],
    [{ close: undefined }, '"close" is not like the English one'],
    [{ last_active: "zuletzt {before}" }, '"last_active" has a place for {before}, which it is not given'],
  ])) assert.deepEqual(faults(texts), [want]);
});

test("an app's texts come before the English ones, and times are said in their language", () => {
  const texts = { close: "Schließen", program: "{browser} unter {system}", just_now: "gerade eben" };
  const german = new Language(texts, "de-AT");
  assert.equal(german.say("close"), "Schließen");
  assert.equal(german.say("back"), "Back");
  assert.equal(german.left(59_400), "60 Sekunden");
  assert.equal(german.left(900), "1 Sekunde");
  assert.equal(german.ago(new Date().toISOString()), "gerade eben");
  assert.equal(german.ago(new Date(Date.now() - 7_300_000).toISOString()), "vor 2 Stunden");
  assert.equal(german.when("2024-03-09T20:30:00.000").split(", vor ")[0], "09.03.2024, 20:30");
  assert.equal(german.program({ browser: "Firefox", browser_version: "140", system: "{browser}" }), "Firefox 140 unter {browser}");
  const arabic = new Language({ comma: "، " }, "ar-EG");
  assert.match(arabic.left(3000), /^٣ ثوان/);
  assert.match(arabic.when("2024-03-09T20:30:00.000"), /، قبل/);
  assert.equal(english.lang, "en");
  assert.equal(english.ago(new Date(Date.now() - 7_300_000).toISOString()), "2 hours ago");
  for (const lang of ["de_DE", "", "!"]) assert.match(new Language(texts, lang).left(60_000), /^60 /, lang);
});

test("what the hub has said in English of its own is said in the app's words", () => {
  const german = new Language({
    signed_out_at_provider: ["Abgemeldet", "Sie wurden dort abgemeldet, wo Sie sich anmelden."],
    other: ["Abgemeldet", "Die Sitzung ist zu Ende."],
  }, "de");
  const message = "You were signed out at the service that you sign in with.";
  assert.match(german.headline({ reason: "signed_out", message }).text, /^Sie wurden/);
  assert.equal(german.headline({ reason: "signed_out", message: "Wartung." }).text, "Wartung.");
  const tomorrow = /** @type {any} */ ("of_tomorrow");
  assert.deepEqual(german.headline({ reason: tomorrow, message: "Over." }), { title: "Abgemeldet", text: "Die Sitzung ist zu Ende." });
});
