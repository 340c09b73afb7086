// What goes in and out of the client, for those who use it. Fields that the hub sends are named as on the wire.

/** What `connect` needs and can be told. Exactly one of `token` and `cookie` is required. */
export interface Options {
  /** Where the hub is, as in "https://hub.example". In a page: by default the page's own site. */
  url?: string;
  /** The session's token. It goes into a subprotocol or the header Authorization, and nowhere else. */
  token?: string;
  /** The browser holds the token, in the hub's cookie. */
  cookie?: boolean;
  /**
   * The session's ID, where it is known. With `cookie` it keeps a tab that has just signed in anew apart from tabs
   * which have not yet heard that the session before has ended.
   */
  session?: string;
  /** Whether all tabs of a browser share one socket. True by default in pages that can (Web Locks). */
  shared?: boolean;
  /** Whether to report what the user does with mouse, finger and keyboard. True by default in pages. */
  activity?: boolean;
  /** Replaces what the client would find around it. */
  platform?: Partial<Platform>;
}

/** What the client uses of its surroundings; each has the global of that name for its default. */
export interface Platform {
  WebSocket: new (url: string, protocols: string[]) => Socket;
  fetch: (url: string, init: Request) => Promise<Answer>;
  setTimeout: (call: () => void, ms: number) => unknown;
  clearTimeout: (timer: any) => void;
  /** The wall clock in ms, which goes on while the device sleeps: `Date.now`. */
  now: () => number;
  /** Numbers from 0 to below 1: `Math.random`. */
  random: () => number;
  /** Web Locks, by which tabs choose the one that holds the socket. */
  locks?: Locks;
  BroadcastChannel?: new (name: string) => Channel;
  /** The page. */
  document?: Target & { hidden?: boolean };
  /** What hears of `online`, `pageshow` and `pagehide`: the global object. */
  target?: Partial<Target>;
}

/** What is used of localStorage. */
export interface Storage {
  getItem(key: string): any;
  setItem(key: string, value: string): any;
}

/** A device as it is sent with a login. */
export interface Device {
  id: string;
  name: string;
  kind: "web" | "mobile" | "desktop" | "tv" | "other";
}

/** Whoever ended a session, as far as the hub knows. */
export interface Actor {
  session_id?: string;
  device?: Device;
  ip?: string;
  user_agent?: string;
  client?: Client;
}

/** What a user agent says, in words for people. What it does not say is empty. */
export interface Client {
  browser: string;
  browser_version: string;
  system: string;
  system_version: string;
  type: "computer" | "phone" | "tablet" | "tv" | "program" | "bot" | "";
}

/** A session. Times are RFC 3339 in UTC. */
export interface Session {
  id: string;
  user: string;
  device: Device;
  ip: string;
  user_agent: string;
  client: Client;
  created_at: string;
  last_active_at: string;
  idle_expires_at: string | null;
  expires_at: string | null;
  connected: boolean;
  current: boolean;
}

/** Why a session has ended. */
export type Reason =
  | "superseded" | "replaced" | "signed_out" | "ended_by_user" | "ended_by_admin" | "idle" | "lifetime" | "unknown";

/** That a session has ended, and why. Where only a close code said so, it holds the reason and a message. */
export interface Notice {
  type: "session.revoked";
  reason: Reason;
  /** In plain words, for the person whose session it was. */
  message: string;
  id?: string;
  session_id?: string;
  at?: string;
  by?: Actor;
}

/** The hub has taken the session's socket, or, without sockets, its heartbeat, which knows the session alone. */
export interface Welcome {
  type: "welcome";
  session: Session;
  instance?: string;
  server_time?: string;
  /** How long the session lives without activity; 0 is for ever. */
  idle_timeout_ms?: number;
  /** Messages were lost while this client was slow or away: when the last one was. */
  missed_at?: string;
}

/** The session will end for want of activity. */
export interface Expiring {
  type: "session.expiring";
  at: string;
  in_ms: number;
}

/** The same, as the client passes it on: `in_ms` is what is left when it is told. */
export interface Warning extends Expiring {
  /** When that is by the device's own clock, which the tabs of a browser share: `Date.now()`, in ms. */
  until: number;
}

/**
 * What proves that it is the user who reports a login: the password or, where there is single sign-on, an ID token, or what
 * the provider has sent back after a sign-in that was begun at the hub for a report.
 */
export type Proof = { password: string } | { id_token: string; nonce: string } |
  { state: string; code?: string; error?: string; iss?: string };

/** It will not, after all. */
export interface Renewed {
  type: "session.renewed";
  idle_expires_at: string;
}

/** A push from the app. */
export interface Message {
  type: "message";
  id: string;
  at: string;
  data: any;
}

/** How the connection is. */
export interface State {
  /**
   * `connecting`: an attempt is under way · `live` · `waiting` for the next attempt · `ended`: the session has ended,
   * for ever · `failed`: the hub refused what this client sent; the session lives, but the client does not come back ·
   * `closed` by the app.
   */
  name: "connecting" | "live" | "waiting" | "ended" | "failed" | "closed";
  /** `heartbeat` where WebSockets are blocked: the hub is asked at least every minute, and there are no messages. */
  via: "socket" | "heartbeat";
  /** Whether another tab holds the connection. */
  shared: boolean;
  /** The code and reason the connection was last closed with. Of an ended session: the code for its reason. */
  code?: number;
  reason?: string;
  /** With `ended`: what `revoked` has told. */
  notice?: Notice;
  /** With `waiting`: ms until the next attempt. */
  retryInMs?: number;
}

/** The events and what their listeners are given. */
export interface Events {
  welcome: Welcome;
  /**
   * The session has ended. Once the listeners have returned, and any promises of theirs are kept, the hub is told
   * that the user knows.
   */
  revoked: Notice;
  expiring: Warning;
  renewed: Renewed;
  message: Message;
  state: State;
}

/** A session's connection, as `connect` returns it. */
export interface Connection {
  readonly state: State;
  /** The session, once the hub has said so. */
  readonly session?: Session;
  /** What holds of the last warning: the session will end without activity. */
  readonly warning?: Warning;
  /** Whether the app has signed out here: then the end is no news. */
  readonly leaving: boolean;
  /** Has a listener called with each event of a type, and returns what takes it away again. */
  on<T extends keyof Events>(type: T, listener: (detail: Events[T]) => any): () => void;
  activity(): void;
  ack(id: string): void;
  wake(changed?: boolean): void;
  /**
   * Reports the session that has ended this one as not the user's own. `after` is the hub's Retry-After, in ms. Without a
   * proof it asks the hub which it takes. It throws where there is no answer, or none of the hub's.
   */
  report(proof?: Proof): Promise<{ status: number; body: any; after: number }>;
  logout(): Promise<void>;
  close(): void;
}

/** What a browser, Node and React Native have in common of a WebSocket. */
export interface Socket {
  readyState: number;
  onmessage: ((event: any) => void) | null;
  onclose: ((event: any) => void) | null;
  onerror: ((event: any) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

/** What is used of fetch. */
export interface Request {
  method: string;
  headers: Record<string, string>;
  credentials: "include" | "omit";
  body: string | undefined;
}

/** What is used of a response. */
export interface Answer {
  status: number;
  headers: { get(name: string): string | null };
  text(): Promise<string>;
}

/** What is used of Web Locks. */
export interface Locks {
  request(name: string, options: { signal?: any; steal?: boolean }, held: () => Promise<void>): Promise<unknown>;
}

/** What is used of a BroadcastChannel. */
export interface Channel {
  onmessage: ((event: any) => void) | null;
  postMessage(message: any): void;
  close(): void;
}

/** What is used of an EventTarget. */
export interface Target {
  addEventListener(type: any, listener: (event: any) => void, options?: any): void;
}
