// The rules of the sign-in page that need no page: where it goes on to, and who makes room.
import assert from "node:assert/strict";
import { test } from "node:test";
import { returnAddress } from "../../ui/lib/return.js";
import { allowance, candidates, devices, inTheWay, kept, leaving, missing, proposal } from "../../ui/signin/room.js";

const SITE = "https://hub.example";

test("a return address stays on the site", () => {
  for (const [path, want] of [
    ["/", "/"],
    ["/devices", "/devices"],
    ["/orders?page=2&sort=up#top", "/orders?page=2&sort=up#top"],
    ["/search?q=two words", "/search?q=two%20words"],
    ["/grüße/日本", "/gr%C3%BC%C3%9Fe/%E6%97%A5%E6%9C%AC"],
    ["/a/../b", "/b"],
    ["/@evil.example", "/@evil.example"],
    ["/hub.example@evil.example/", "/hub.example@evil.example/"],
    ["/https://evil.example", "/https://evil.example"],
    ["/javascript:alert(1)", "/javascript:alert(1)"],
    ["/x?next=https://evil.example", "/x?next=https://evil.example"],
    ["/x//evil.example", "/x//evil.example"],
    ["/%2F%2Fevil.example", "/%2F%2Fevil.example"], // no parser takes it for slashes
    ["/%5Cevil.example", "/%5Cevil.example"],
    ["/%09/evil.example", "/%09/evil.example"],
    ["/?return=//evil.example", "/?return=//evil.example"], // the sign-in page again, which leaves that out
    ["/" + "a".repeat(1999), "/" + "a".repeat(1999)],
  ]) {
    assert.equal(returnAddress(path, SITE), SITE + want, path);
  }
});

test("what would lead elsewhere is no return address", () => {
  for (const path of [
    null, undefined, "", " ", "devices", "?x", "#x", ".", "./x", "../x",
    "//evil.example", "///evil.example", "////evil.example", "/\\evil.example", "\\\\evil.example", "\\/evil.example",
    "/\\/evil.example", "//\\evil.example", "/x\\y",
    "//evil.example@hub.example", "//hub.example:8443/", "//hub.example/", "//user:password@hub.example/",
    "https://evil.example", "https:evil.example", "https:/evil.example", "https:///evil.example", "http://hub.example/",
    "https://hub.example/devices", "https://hub.example:8443/", "https://hub.example@evil.example/", "hub.example/x",
    "javascript:alert(1)", "JavaScript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)",
    "data:text/html,<script>alert(1)</script>", "blob:https://hub.example/0b9d", "vbscript:x", "file:///etc/passwd",
    "about:blank", "mailto:a@evil.example", "ws://evil.example",
    "/\t/evil.example", "/\n/evil.example", "/\r/evil.example", "\t//evil.example", "/\0/evil.example",
    " //evil.example",
    "\u00a0//evil.example", "/ /evil.example".replace(" ", "\u2028"), "/x\ty", "/x\u202ey", "/x\u200by", "/\ud800",
    "\uff0f\uff0fevil.example", "/ /evil.example".replace(" ", "\u3000"),
    "/.//evil.example", "/..//evil.example", "/x/..//evil.example", "/%2e//evil.example", "/./\\evil.example",
    "%2F%2Fevil.example", "%2Fdevices",
    "/" + "a".repeat(2000),
    "/v1/login/oidc/start", "/v1/login/oidc/start?return=/", "/x/../v1/./login/oidc/start", "/%2e/v1/login/oidc/start",
  ]) {
    assert.equal(returnAddress(path, SITE), undefined, JSON.stringify(path));
  }
});

test("whatever it is, no return address leaves the site", () => {
  const bits = ["/", "\\", ".", "..", ":", "@", "%", "%2f", "%5c", "\t", "\n", " ", "?", "#", "evil.example", "https:",
    "a", "\u202e"];
  let seed = 1;
  const draw = (/** @type {number} */ n) => (seed = (seed * 48271) % 2147483647) % n;
  let taken = 0;
  for (let i = 0; i < 20_000; i++) {
    const path = "/" + Array.from({ length: 1 + draw(8) }, () => bits[draw(bits.length)]).join("");
    const address = returnAddress(path, SITE);
    if (!address) continue;
    taken++;
    assert.equal(new URL(address).origin, SITE, path);
    assert.ok(!address.slice(SITE.length).startsWith("//"), path);
    // Said once more without the site, as an app may, it is still the same.
    assert.equal(new URL(address.slice(SITE.length), SITE).href, address, path);
  }
  assert.ok(taken > 1000, `${taken} were taken`);
});

/** Makes sessions, named by a letter and told apart by kind; the first was active least recently. */
const sessions = (/** @type {string} */ kinds) => [...kinds].map((letter, i) => /** @type {any} */ ({
  id: `${letter}${i}`,
  device: { id: `device ${i}`, name: "", kind: { w: "web", m: "mobile", t: "tv" }[letter] },
  created_at: "2026-03-09T08:00:00.000Z",
  last_active_at: new Date(Date.UTC(2026, 2, 9, 8, 30, i)).toISOString(),
}));

test("those who may make room stand in the order of activity, without this device", () => {
  const list = sessions("wmt");
  assert.deepEqual(candidates([list[2], list[0], list[1]], "device 1").map((s) => s.id), ["w0", "t2"]);
});

test("as many as must go are proposed, of the kind first", () => {
  for (const { live, excess, want, why } of [
    { live: "wmt", excess: { sessions: 1 }, want: ["w0"], why: "the least recently active" },
    { live: "mmw", excess: { sessions: 1, kind: "web", of_kind: 1 }, want: ["w2"], why: "the one of it" },
    { live: "mmwww", excess: { sessions: 3, kind: "web", of_kind: 2 }, want: ["w2", "w3", "m0"], why: "two of it" },
    { live: "ww", excess: { sessions: 2 }, want: ["w0", "w1"], why: "all" },
  ]) {
    const list = sessions(live);
    const proposed = proposal(list, excess);
    assert.deepEqual([...proposed], want, why);
    assert.deepEqual(missing(list, proposed, excess), { sessions: 0, ofKind: 0 }, why);
  }
});

test("an older hub does not say how many must go: as many as are over its limit", () => {
  for (const { live, limit, want } of [
    { live: "w", limit: 1, want: 1 },
    { live: "wwww", limit: 2, want: 3 }, // it was lowered
    { live: "ww", limit: 5, want: 1 }, // what is over it is not told
    { live: "", limit: 1, want: 0 },
  ]) {
    const list = sessions(live);
    const found = inTheWay({ limit, sessions: list }, list);
    assert.deepEqual(found, { limit, sessions: list, excess: { sessions: want } }, `${live} of ${limit}`);
    assert.match(allowance(found), new RegExp(`on ${limit} device`));
  }
  const said = { limit: 1, sessions: [], excess: { sessions: 1, kind: "tv", of_kind: 1 } };
  assert.deepEqual(inTheWay(said, []), said);
});

test("what must go is named by its kind, where there is one", () => {
  for (const { excess, words, want } of [
    { excess: { sessions: 1 }, want: "1 device" },
    { excess: { sessions: 1, kind: "tv", ofKind: 1 }, want: "1 TV" },
    { excess: { sessions: 1, kind: "tv", ofKind: 0 }, want: "1 device" },
    { excess: { sessions: 2, kind: "tv", ofKind: 1 }, want: "2 devices, at least 1 TV among them" },
    {
      excess: { sessions: 3, kind: "web", ofKind: 2 }, words: { more: " more", then: " to sign out" },
      want: "3 more devices to sign out, at least 2 web browsers among them",
    },
  ]) assert.equal(leaving(excess, words), want);
});

test("a choice is enough when all that must is chosen", () => {
  const list = sessions("mmwww");
  const excess = { sessions: 3, kind: "web", of_kind: 2 };
  for (const { chosen, left } of [
    { chosen: [], left: { sessions: 3, ofKind: 2 } },
    { chosen: ["m0", "m1"], left: { sessions: 2, ofKind: 2 } },
    { chosen: ["m0", "m1", "w2"], left: { sessions: 1, ofKind: 1 } },
    { chosen: ["w2", "w3"], left: { sessions: 1, ofKind: 0 } },
    { chosen: ["w2", "w3", "w4"], left: { sessions: 0, ofKind: 0 } },
    { chosen: ["m0", "m1", "w2", "w3", "w4"], left: { sessions: 0, ofKind: 0 } },
    { chosen: ["gone", "w2", "w3"], left: { sessions: 1, ofKind: 0 } },
  ]) {
    assert.deepEqual(missing(list, new Set(chosen), excess), left, chosen.join());
  }
});

test("of a choice that is made again, what is still there stays", () => {
  assert.deepEqual([...kept(sessions("wm"), new Set(["w0", "gone"]))], ["w0"]);
});

test("kinds of devices have names", () => {
  assert.equal(devices(1), "1 device");
  assert.equal(devices(2, "web"), "2 web browsers");
  assert.equal(devices(1, "tv"), "1 TV");
  assert.equal(devices(2, "other"), "2 devices of this kind");
});
