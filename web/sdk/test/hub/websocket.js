// Gives a Node before 22 the WebSocket that later ones have; loaded with --import.
/** @type {any} */ (globalThis).WebSocket ??= (await import("ws")).WebSocket;
