// rtbridge: a gRPC-Web client for browsers, unary and server streaming, in one file.
// SPDX-License-Identifier: Apache-2.0
//
// What goes over the wire (gRPC PROTOCOL-WEB.md). A call is one POST to /package.Service/Method. Request and response
// bodies are frames: one byte of flags, four bytes of length (big-endian), then the payload.
//
//   00 00000007 0a05776f726c64                  a message
//   80 0000000f grpc-status:0\r\n               the trailers, as the last frame of the body
//
// In text mode (application/grpc-web-text) the same bytes are base64; padding may stand between any two pieces. A reply
// without messages may carry grpc-status in its HTTP headers instead ("trailers-only").
//
//   const call = new Call("/helloworld.Greeter/SayHelloStreamReply", request, { timeoutMs: 3000 });
//   for await (const message of call.messages()) show(message);
//   console.log(call.status.name, call.status.message);
//
// A gRPC error is not an exception: when messages() has ended, call.status says how.

const STATUS_NAMES = [
  "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED",
  "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
];

const CANCELLED = 1, UNKNOWN = 2, DEADLINE_EXCEEDED = 4, INTERNAL = 13, UNAVAILABLE = 14;

/** Flags of a frame: bit 7 marks the trailers, bit 0 a compressed payload, which this client never asks for. */
export const FLAG_TRAILERS = 0x80;
const FLAG_MESSAGE = 0x00;
const FRAME_HEADER = 5;

/** The longest frame that is taken, as gRPC's usual default. */
const MAXIMUM_PAYLOAD = 4 * 1024 * 1024;

/** How long after the deadline the client waits for the server to say so itself. */
const DEADLINE_GRACE_MS = 1000;

/** One gRPC-Web call. It starts when messages() is first awaited, and can be used once. */
export class Call {
  /**
   * @param {string} path `/package.Service/Method`
   * @param {Uint8Array} message the request, encoded
   * @param {object} [options]
   * @param {"binary"|"text"} [options.format] grpc-web or grpc-web-text
   * @param {number} [options.timeoutMs] sent as grpc-timeout
   * @param {AbortSignal} [options.signal] aborting it ends the call with CANCELLED
   * @param {Record<string, string>} [options.metadata] further request headers
   * @param {(direction: "up"|"down", bytes: number) => void} [options.onBytes] told of body bytes as they pass
   */
  constructor(path, message, options = {}) {
    this.path = path;
    this.format = options.format ?? "binary";
    this.options = options;
    this.requestFrame = frame(FLAG_MESSAGE, message);
    /** Response headers and trailers, as [name, value] pairs. */
    this.headers = [];
    this.trailers = [];
    /** Every frame that came, header included: { flag, bytes, payload }. */
    this.frames = [];
    /** The HTTP status, once headers came. */
    this.httpStatus = undefined;
    /** { code, name, message, source }; source is "trailer frame", "response headers", "HTTP status" or "client". */
    this.status = undefined;
  }

  get contentType() {
    return this.format === "text" ? "application/grpc-web-text+proto" : "application/grpc-web+proto";
  }

  /** The request body as it is sent: bytes, or base64 in text mode. */
  get requestBody() {
    return this.format === "text" ? encodeBase64(this.requestFrame) : this.requestFrame;
  }

  /** The response's messages, each as soon as its last byte is here. Leaving the loop early cancels the call. */
  async *messages() {
    const { signal, timeoutMs, onBytes = () => {} } = this.options;
    const abort = new AbortController();
    let isBodyRead = false;
    const cancel = () => this.#end(CANCELLED, "cancelled by the caller", "client", abort);
    const expire = () => this.#end(DEADLINE_EXCEEDED, "no answer within the deadline", "client", abort);
    if (signal?.aborted) return cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    const timer = timeoutMs === undefined ? undefined : setTimeout(expire, timeoutMs + DEADLINE_GRACE_MS);
    try {
      const body = this.requestBody;
      onBytes("up", body.length);
      const response = await fetch(this.path, {
        method: "POST", headers: this.#requestHeaders(), body, signal: abort.signal, cache: "no-store",
      });
      this.#takeHeaders(response);
      const reader = response.body.getReader();
      const frames = new FrameReader();
      const base64 = isText(response) ? new Base64Reader() : undefined;
      while (!isBodyRead) {
        const { done, value = new Uint8Array(0) } = await reader.read();
        isBodyRead = done;
        onBytes("down", value.length);
        if (this.status) continue;  // nothing follows the trailers; reading on lets the response end by itself
        for (const frame of frames.push(base64 ? base64.push(value) : value)) {
          this.frames.push(frame);
          if (frame.flag === FLAG_TRAILERS) this.#takeTrailers(frame.payload);
          else if (frame.flag === FLAG_MESSAGE) yield frame.payload;
          else throw new ProtocolError(`a frame with flags 0x${frame.flag.toString(16)}`);
        }
      }
      if (!this.status) throw new ProtocolError("the body ended without a trailer frame");
    } catch (error) {
      const code = error instanceof ProtocolError ? INTERNAL : UNAVAILABLE;
      this.#end(code, error.message, "client", abort);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener("abort", cancel);
      if (!isBodyRead) this.#end(CANCELLED, "the caller left the stream", "client", abort);
    }
  }

  /** The first status stands; whatever is still under way is aborted. */
  #end(code, message, source, abort) {
    this.status ??= { code, name: STATUS_NAMES[code] ?? `status ${code}`, message, source };
    abort?.abort();
  }

  #requestHeaders() {
    const headers = { ...this.options.metadata, "content-type": this.contentType, "x-grpc-web": "1" };
    if (this.format === "text") headers.accept = this.contentType;
    if (this.options.timeoutMs !== undefined) headers["grpc-timeout"] = `${Math.round(this.options.timeoutMs)}m`;
    return headers;
  }

  #takeHeaders(response) {
    this.httpStatus = response.status;
    this.headers = [...response.headers];
    if (response.headers.has("grpc-status")) {
      this.trailers = this.headers.filter(([name]) => name.startsWith("grpc-"));
      this.#takeStatus(this.trailers, "response headers");
    } else if (!response.ok) {
      this.#end(statusOfHTTP(response.status), `HTTP ${response.status} ${response.statusText}`, "HTTP status");
    }
  }

  #takeTrailers(payload) {
    const lines = new TextDecoder().decode(payload).split("\r\n");
    this.trailers = lines.filter((line) => line.includes(":")).map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    });
    this.#takeStatus(this.trailers, "trailer frame");
  }

  #takeStatus(fields, source) {
    const { "grpc-status": code, "grpc-message": message = "" } = Object.fromEntries(fields);
    this.#end(/^\d+$/.test(code) ? Number(code) : UNKNOWN, decodeMessage(message), source);
  }
}

/** What the peer sent is not gRPC-Web. */
class ProtocolError extends Error {}

/** A frame of the body: flags, length, payload. */
function frame(flag, payload) {
  const bytes = new Uint8Array(FRAME_HEADER + payload.length);
  bytes[0] = flag;
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, FRAME_HEADER);
  return bytes;
}

/** Cuts a byte stream into frames, whatever pieces it comes in. */
class FrameReader {
  #held = new Uint8Array(0);

  /** The frames that are whole now. */
  push(chunk) {
    const bytes = new Uint8Array(this.#held.length + chunk.length);
    bytes.set(this.#held);
    bytes.set(chunk, this.#held.length);
    const frames = [];
    let start = 0;
    while (bytes.length - start >= FRAME_HEADER) {
      const length = new DataView(bytes.buffer).getUint32(start + 1);
      if (length > MAXIMUM_PAYLOAD) throw new ProtocolError(`a frame of ${length} bytes`);
      const end = start + FRAME_HEADER + length;
      if (end > bytes.length) break;
      frames.push({
        flag: bytes[start], bytes: bytes.slice(start, end), payload: bytes.slice(start + FRAME_HEADER, end),
      });
      start = end;
    }
    this.#held = bytes.slice(start);
    return frames;
  }
}

/** Decodes a base64 stream group by group; a group may end in padding anywhere in the stream. */
class Base64Reader {
  #held = "";

  push(chunk) {
    const text = this.#held + new TextDecoder("latin1").decode(chunk);
    const whole = text.length - (text.length % 4);
    this.#held = text.slice(whole);
    const bytes = [];
    for (let index = 0; index < whole; index += 4) {
      for (const character of decodeGroup(text.slice(index, index + 4))) bytes.push(character.charCodeAt(0));
    }
    return Uint8Array.from(bytes);
  }
}

function decodeGroup(group) {
  try {
    return atob(group);
  } catch {
    throw new ProtocolError("invalid base64");
  }
}

/** Base64 of bytes, as the body of a text request. */
export function encodeBase64(bytes) {
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));
}

/** grpc-message is percent-encoded UTF-8; what cannot be decoded is shown as it came. */
function decodeMessage(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isText(response) {
  return (response.headers.get("content-type") ?? "").toLowerCase().startsWith("application/grpc-web-text");
}

/** gRPC http-grpc-status-mapping.md: for replies that carry no grpc-status. */
function statusOfHTTP(code) {
  const mapped = { 400: INTERNAL, 401: 16, 403: 7, 404: 12, 429: UNAVAILABLE, 502: UNAVAILABLE, 503: UNAVAILABLE, 504: UNAVAILABLE };
  return mapped[code] ?? UNKNOWN;
}
