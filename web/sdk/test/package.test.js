// The npm package, as those who install it find it.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL("..", import.meta.url));

/** Code of an app with strict types, and without those of a page. */
const consumer = `
import { connect, deviceId } from "@sessionhub/client";
import type { Notice, State } from "@sessionhub/client/types";

const hub = connect({ url: "https://hub.example", token: "t", platform: { now: () => 0 } });
const off: () => void = hub.on("revoked", async (notice: Notice) => {
  const device: string | undefined = notice.by?.device?.name;
  return device;
});
hub.on("state", ({ name, via, retryInMs }) => {
  const known: State["name"] = name;
  const ms: number | undefined = retryInMs;
  return [known, via === "heartbeat", ms];
});
hub.on("message", ({ data }) => data.anything);
// @ts-expect-error there is no such event
hub.on("revokd", () => {});
// @ts-expect-error a token is text
connect({ token: 1 });
const id: Promise<string> = deviceId();
export { off, id };
`;

/** Code of a page that shows the notice. */
const page = `
import { SessionNotice } from "@sessionhub/client/session-notice";
import { connect } from "@sessionhub/client";

const notice: SessionNotice = document.querySelector("session-notice")!;
notice.connection = connect({ cookie: true });
notice.connection = undefined;
// @ts-expect-error it takes what connect returns
notice.connection = { on() {} };
`;

test("the package holds its types, which need no DOM, and works where it is installed", (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sessionhub-client-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const run = (/** @type {string} */ program, /** @type {string[]} */ ...args) =>
    execFileSync(program, args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
  execFileSync("npm", ["pack", "--silent", "--pack-destination", folder], { cwd: here });
  const into = join(folder, "node_modules/@sessionhub/client");
  mkdirSync(into, { recursive: true });
  const { version } = JSON.parse(readFileSync(join(here, "package.json"), "utf8"));
  run("tar", "-xzf", `sessionhub-client-${version}.tgz`, "-C", into, "--strip-components=1");
  writeFileSync(join(folder, "package.json"), '{"type": "module"}');
  for (const [lib, code] of [["es2022", consumer], ["es2022,dom", page]]) {
    writeFileSync(join(folder, "consumer.ts"), code);
    for (const resolution of ["nodenext", "bundler"]) {
      const module = resolution === "bundler" ? "esnext" : resolution;
      run("node", join(here, "node_modules/typescript/bin/tsc"), "--noEmit", "--strict", "--target", "es2022",
        "--lib", lib, "--types", "", "--module", module, "--moduleResolution", resolution, "consumer.ts");
    }
  }
  writeFileSync(join(folder, "app.js"), 'import * as c from "@sessionhub/client"; console.log(Object.keys(c).join());');
  assert.equal(run("node", "app.js").trim(), "connect,deviceId");
  // A server that renders pages may import the element, and nothing comes of it.
  const server = 'import * as n from "@sessionhub/client/session-notice"; console.log(Object.keys(n)[0]);';
  writeFileSync(join(folder, "app.js"), server);
  assert.equal(run("node", "app.js").trim(), "SessionNotice");
});
