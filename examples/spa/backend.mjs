// Notes, a list for each user. nginx passes on only requests of live sessions, and says in a header whose they are:
// there is no sign-in, no cookie and no session in here. So nobody but nginx may reach it.
import { createServer } from "node:http";

/** @type {Map<string, string[]>} by user, in memory: it is an example */
const notes = new Map();

/** Reads a short body. @param {import("node:http").IncomingMessage} request */
async function read(request) {
  let text = "";
  for await (const part of request.setEncoding("utf8")) if ((text += part).length > 2000) return "";
  return text;
}

/** Answers a request of a user: with a status and a body. */
async function answer(user, request) {
  if (request.url !== "/api/notes") return [404, { error: "There is nothing here." }];
  const own = notes.get(user) ?? [];
  if (request.method === "GET") return [200, { user, notes: own }];
  if (request.method !== "POST") return [405, { error: "Send GET or POST." }];
  // The hub's cookie is SameSite=Lax, and no page of another site can send JSON unasked: nobody else writes here.
  if (request.headers["content-type"] !== "application/json") return [415, { error: "Send JSON." }];
  let note;
  try {
    ({ note } = JSON.parse(await read(request)));
  } catch {} // as no note at all
  if (typeof note !== "string" || !note.trim()) return [422, { error: "Write a note, and a short one." }];
  notes.set(user, [...own, note].slice(-100));
  return [200, { user, notes: notes.get(user) }];
}

createServer(async (request, response) => {
  const user = decodeURIComponent(request.headers["x-session-user"] ?? "");
  const [status, body] = user ? await answer(user, request) : [500, { error: "This has not come through the gate." }];
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(body));
}).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
