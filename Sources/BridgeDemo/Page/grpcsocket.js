// rtbridge: a client of gRPC over WebSocket, all four kinds of call, in one file without dependencies.
// SPDX-License-Identifier: Apache-2.0
//
// What goes over the wire (improbable-eng's WebSocket transport, subprotocol "grpc-websockets"). A WebSocket to
// /package.Service/Method is one call; every message is binary:
//
//   up    content-type: application/grpc-web+proto\r\n…     first: the header block, as ASCII
//         00 | 00 0000000c <12 bytes>                       a gRPC frame: flags, length (big-endian), message
//         01                                                half-close
//   down  80 <length> <lines>                               header fields
//         00 <length> <message>                             a message
//         80 <length> <lines>                               trailers; then the WebSocket is closed
//
// With "grpc-websockets-multiplex" many calls share a WebSocket: four bytes before each message are the call's number,
// the top bit of which ends the sender's side; the header block names the method as grpc-websockets-path. A server that
// does not speak it answers with "grpc-websockets", and each call gets a WebSocket of its own.
//
//   const channel = new Channel(location.origin);
//   const call = channel.call("/helloworld.Greeter/SayHelloBidiStream", { timeoutMs: 5000 });
//   call.send(request);                                     // as often as there is something to say
//   call.end();
//   for await (const message of call.messages()) show(message);
//   console.log(call.status.name, call.status.message);    // a gRPC error is no exception
//
//   const reply = await channel.unary("/helloworld.Greeter/SayHello", request);   // this one throws a GRPCError

const SINGLE = "grpc-websockets", MULTIPLEX = "grpc-websockets-multiplex";
const GO_AWAY = 0x7fffffff, FINAL = 0x80000000;
const DATA = 0, END = 1, FLAG_TRAILERS = 0x80, FRAME_HEADER = 5;
const CANCELLED = 1, UNKNOWN = 2, DEADLINE_EXCEEDED = 4, INTERNAL = 13, UNAVAILABLE = 14;

const STATUS_NAMES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

const MAXIMUM_PAYLOAD = 4 * 1024 * 1024;  // the longest message that is taken: gRPC's usual default
const DEADLINE_GRACE_MS = 1000;  // how long after the deadline the server may take to say so itself
const MAXIMUM_BUFFERED = 256 * 1024;  // what may wait in the WebSocket before Call.ready() holds the sender back

/** A status other than OK, where somebody asked for a single reply. */
export class GRPCError extends Error {
  constructor(status) { super(`${status.name}: ${status.message}`); this.status = status; }
}

/** Makes calls to one host. */
export class Channel {
  #base; #WebSocket; #shared; #isMultiplex; #nextNumber = 0;

  /**
   * @param {string} base `https://host:port`; the page's own `location.origin`, or another that allows this one
   * @param {object} [options]
   * @param {boolean} [options.multiplex] whether calls may share a WebSocket, if the server can
   * @param {typeof WebSocket} [options.WebSocket] for places that have none of their own, as older Node.js
   */
  constructor(base, { multiplex = true, WebSocket = globalThis.WebSocket } = {}) {
    this.#base = base.replace(/^http/, "ws").replace(/\/$/, "");
    this.#isMultiplex = multiplex;
    this.#WebSocket = WebSocket;
  }

  /** Whether calls share a WebSocket; false once the server has chosen one for each. */
  get isMultiplex() { return this.#isMultiplex; }

  /** Begins a call: `/package.Service/Method`, options as in Call. */
  call(path, options = {}) {
    const call = new Call(path, options);
    if (this.#isMultiplex) (this.#shared ??= this.#open(path, [MULTIPLEX, SINGLE])).add(call);
    else this.#open(path, [SINGLE]).add(call);
    return call;
  }

  /** One request, one reply. Throws a GRPCError unless the status is OK. */
  async unary(path, message, options) {
    const call = this.call(path, options);
    call.send(message);
    call.end();
    return call.single();
  }

  /** Closes a WebSocket that calls share; they end with it. */
  close() { this.#shared?.socket.close(1000); }

  #open(path, protocols) {
    const socket = new this.#WebSocket(this.#base + path, protocols);
    socket.binaryType = "arraybuffer";
    const connection = { socket, calls: new Map(), waiting: [], isOpen: false };
    connection.add = (call) => (connection.isOpen ? this.#attach(connection, call) : connection.waiting.push(call));
    connection.retire = () => { if (this.#shared === connection) this.#shared = undefined; };
    socket.onopen = () => this.#opened(connection);
    socket.onmessage = ({ data }) => this.#received(connection, new Uint8Array(data));
    socket.onclose = (event) => {
      connection.retire();
      const reason = event.reason || `the WebSocket was closed (${event.code})`;
      for (const call of [...connection.waiting, ...connection.calls.values()]) call._lost(reason);
    };
    return connection;
  }

  #opened(connection) {
    const calls = connection.waiting.splice(0);
    connection.isOpen = true;
    connection.isShared = connection.socket.protocol === MULTIPLEX;
    if (connection.isShared) return calls.forEach((call) => this.#attach(connection, call));
    // One call a WebSocket: this one is for the call whose path it was opened with, the others open theirs.
    if (this.#shared === connection) this.#isMultiplex = false;
    connection.retire();
    this.#attach(connection, calls.shift());
    for (const call of calls) this.#open(call.path, [SINGLE]).add(call);
  }

  #attach(connection, call) {
    // Given up before it began.
    if (call.status) return connection.isShared || connection.socket.close(1000);
    const number = connection.isShared ? this.#nextNumber++ % GO_AWAY : 0;
    connection.calls.set(number, call);
    call._attach({
      socket: connection.socket,
      path: connection.isShared ? call.path.replace(/^\//, "") : undefined,
      send: (bytes, isFinal) => {
        if (connection.socket.readyState !== 1) return;
        connection.socket.send(connection.isShared ? numbered(number, isFinal, bytes) : bytes);
      },
      // A final message with nothing in it gives a call up; alone on its WebSocket it is closed.
      release: (isComplete) => {
        connection.calls.delete(number);
        if (!connection.isShared) return connection.socket.close(1000);
        if (!isComplete && connection.socket.readyState === 1) connection.socket.send(numbered(number, true, new Uint8Array(0)));
        if (connection.isGoingAway && connection.calls.size === 0) connection.socket.close(1000);
      },
    });
  }

  #received(connection, bytes) {
    if (!connection.isShared) return connection.calls.get(0)?._received(bytes, false);
    const word = new DataView(bytes.buffer).getUint32(0);
    const number = word & GO_AWAY;
    if (number !== GO_AWAY) return connection.calls.get(number)?._received(bytes.subarray(4), word >= FINAL);
    // The server takes no further calls here: new ones get a new WebSocket.
    connection.isGoingAway = true;
    connection.retire();
    connection.socket.send(numbered(GO_AWAY, true, Uint8Array.of(END)));
    if (connection.calls.size === 0) connection.socket.close(1000);
  }
}

/** One call. Its messages() can be read once. */
export class Call {
  #lane; #unsent = []; #arrived = []; #wake = () => {}; #rest = new Uint8Array(0); #timer; #options; #cancel;

  /**
   * @param {string} path `/package.Service/Method`
   * @param {object} [options]
   * @param {Record<string, string>} [options.metadata] further header fields; values are ASCII, those of -bin base64
   * @param {number} [options.timeoutMs] sent as grpc-timeout
   * @param {AbortSignal} [options.signal] aborting it cancels the call
   * @param {(direction: "up"|"down", bytes: number) => void} [options.onBytes] told of bytes as they pass
   */
  constructor(path, options = {}) {
    this.path = path;
    this.#options = options;
    /** Header fields and trailers of the answer, as [name, value] pairs; undefined until they came. */
    this.headers = undefined;
    this.trailers = undefined;
    /** { code, name, message } once the call is over. */
    this.status = undefined;
    this.#cancel = () => this.cancel();
    if (options.signal?.aborted) this.cancel();
    options.signal?.addEventListener("abort", this.#cancel, { once: true });
    if (options.timeoutMs === undefined || this.status) return;
    const expire = () => this.#finish(DEADLINE_EXCEEDED, "no answer within the deadline");
    this.#timer = setTimeout(expire, options.timeoutMs + DEADLINE_GRACE_MS);
  }

  /** Sends a message, encoded. What is sent before the WebSocket is open waits for it. */
  send(message) {
    const frame = new Uint8Array(1 + FRAME_HEADER + message.length);
    frame[0] = DATA;
    new DataView(frame.buffer).setUint32(2, message.length);
    frame.set(message, 1 + FRAME_HEADER);
    this.#put(frame, false);
  }

  /** Says that no further message will come. */
  end() { this.#put(Uint8Array.of(END), true); }

  /** Resolves when so little waits to be sent that more makes sense; for who has much to send. */
  async ready() {
    while (!this.status && (!this.#lane || this.#lane.socket.bufferedAmount > MAXIMUM_BUFFERED)) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Gives the call up. */
  cancel() { this.#finish(CANCELLED, "cancelled by the caller"); }

  /** The answer's messages, each as soon as it is whole. Leaving the loop early cancels the call. */
  async *messages() {
    try {
      for (;;) {
        while (this.#arrived.length > 0) yield this.#arrived.shift();
        if (this.status) return;
        await new Promise((resolve) => { this.#wake = resolve; });
      }
    } finally {
      this.cancel();
    }
  }

  /** The one message of the answer. Throws a GRPCError unless the status is OK. */
  async single() {
    let reply;
    for await (const message of this.messages()) reply = message;
    if (this.status.code === 0 && reply === undefined) this.status = statusOf(INTERNAL, "OK without a message");
    if (this.status.code !== 0) throw new GRPCError(this.status);
    return reply;
  }

  // For the channel: how the call's bytes go out, what has come, and that nothing more will.
  _attach(lane) {
    this.#lane = lane;
    const { metadata = {}, timeoutMs } = this.#options;
    const fields = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", ...metadata };
    if (timeoutMs !== undefined) fields["grpc-timeout"] = `${Math.round(timeoutMs)}m`;
    if (lane.path) fields["grpc-websockets-path"] = lane.path;
    const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#unsent.unshift([new TextEncoder().encode(lines.join("")), false]);
    for (const [bytes, isFinal] of this.#unsent.splice(0)) this.#put(bytes, isFinal);
  }

  _lost(reason) { this.#finish(UNAVAILABLE, reason, true); }

  _received(bytes, isFinal) {
    this.#options.onBytes?.("down", bytes.length);
    let rest = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    while (rest.length >= FRAME_HEADER && !this.status) {
      const length = new DataView(rest.buffer, rest.byteOffset).getUint32(1);
      if (length > MAXIMUM_PAYLOAD) return this.#finish(INTERNAL, `a frame of ${length} bytes`);
      if (rest.length < FRAME_HEADER + length) break;
      this.#takeFrame(rest[0], rest.subarray(FRAME_HEADER, FRAME_HEADER + length));
      rest = rest.subarray(FRAME_HEADER + length);
    }
    this.#rest = rest;
    if (isFinal) this.#finish(UNKNOWN, "the answer has no trailers", true);
    this.#wake();
  }

  #takeFrame(flags, payload) {
    if (flags === 0) return void this.#arrived.push(payload.slice());
    if (flags !== FLAG_TRAILERS) return this.#finish(INTERNAL, `a frame with flags ${flags}`);
    const lines = new TextDecoder().decode(payload).split("\r\n").filter((line) => line.includes(":"));
    const fields = lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]);
    const { "grpc-status": code, "grpc-message": message = "" } = Object.fromEntries(fields);
    // An answer without messages may hold its status in its header fields.
    if (code === undefined) return void (this.headers ??= fields);
    this.headers ??= fields;
    this.trailers = fields;
    this.#finish(Number(code), decoded(message), true);
  }

  #put(bytes, isFinal) {
    if (this.status) return;
    if (!this.#lane) return void this.#unsent.push([bytes, isFinal]);
    this.#options.onBytes?.("up", bytes.length);
    this.#lane.send(bytes, isFinal);
  }

  /** The first status stands. */
  #finish(code, message, isComplete = false) {
    if (this.status) return;
    this.status = statusOf(code, message);
    clearTimeout(this.#timer);
    this.#options.signal?.removeEventListener("abort", this.#cancel);
    this.#lane?.release(isComplete);
    this.#wake();
  }
}

function statusOf(code, message) { return { code, name: STATUS_NAMES[code] ?? `status ${code}`, message }; }

/** grpc-message is percent-encoded UTF-8 (gRPC PROTOCOL-HTTP2.md). */
function decoded(text) {
  try { return decodeURIComponent(text); } catch { return text; }
}

function joined(first, second) {
  const bytes = new Uint8Array(first.length + second.length);
  bytes.set(first);
  bytes.set(second, first.length);
  return bytes;
}

function numbered(number, isFinal, bytes) {
  const prefix = new Uint8Array(4);
  new DataView(prefix.buffer).setUint32(0, (isFinal ? FINAL : 0) + number);
  return joined(prefix, bytes);
}
