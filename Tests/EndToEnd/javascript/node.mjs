// rtbridge: runs the interoperability cases in Node.js: node.mjs CLIENT URL single|multiplex.
// SPDX-License-Identifier: Apache-2.0

import { createRequire } from "node:module";

import { run } from "./interop.js";

const [, , client, url, kind] = process.argv;
const { Channel } = await import(client);
// Node.js has a WebSocket of its own from 22 on; Debian's node-ws is for those before.
const WebSocket = globalThis.WebSocket ?? createRequire(import.meta.url)("/usr/share/nodejs/ws");
const outcome = await run(() => new Channel(url, { multiplex: kind === "multiplex", WebSocket }));
console.log(JSON.stringify(outcome));
process.exit(0);
