// rtbridge: the byte view: frames cut into their fields, each with its hex and what it means.
// SPDX-License-Identifier: Apache-2.0

import { FLAG_TRAILERS, encodeBase64 } from "./grpcweb.js";
import { annotateMessage } from "./proto.js";
import { element } from "./dom.js";

/** More bytes of a field than this are counted, not shown. */
const SHOWN_BYTES = 96;

/** A frame as a titled list of fields. `text` shows the base64 that text mode puts on the wire as well. */
export function frameView(title, bytes, { isText = false } = {}) {
  const parts = annotateFrame(bytes);
  const list = element("ol", "bytes", ...parts.map(partView));
  const view = element("div", "frame", element("h4", "", title, element("span", "", ` ${bytes.length} bytes`)), list);
  if (isText) {
    const line = element("p", "base64", element("span", "", "on the wire as base64: "), element("code", "", shorten(encodeBase64(bytes))));
    view.append(line);
  }
  return view;
}

/** A gRPC-Web frame: flags, length, then protobuf fields or trailer lines. */
function annotateFrame(bytes) {
  const isTrailers = bytes[0] === FLAG_TRAILERS;
  const length = bytes.length - 5;
  return [
    { bytes: bytes.slice(0, 1), kind: "flag", label: isTrailers ? "trailers" : "message" },
    { bytes: bytes.slice(1, 5), kind: "length", label: `length ${length}` },
    ...(isTrailers ? annotateTrailers(bytes.slice(5)) : annotateMessage(bytes.slice(5))),
  ];
}

/** One part a line, its CR LF included. */
function annotateTrailers(bytes) {
  const parts = [];
  let start = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    if (bytes[index] !== 0x0a && index + 1 < bytes.length) continue;
    const line = bytes.slice(start, index + 1);
    parts.push({ bytes: line, kind: "text", label: new TextDecoder().decode(line).replace("\r", "\\r").replace("\n", "\\n") });
    start = index + 1;
  }
  return parts;
}

function partView({ bytes, kind, label }) {
  const shown = Array.from(bytes.slice(0, SHOWN_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join(" ");
  const more = bytes.length > SHOWN_BYTES ? ` … ${bytes.length - SHOWN_BYTES} more` : "";
  return element("li", `part ${kind}`, element("code", "", shown + more), element("span", "", label));
}

function shorten(text) {
  return text.length > 4 * SHOWN_BYTES ? `${text.slice(0, 4 * SHOWN_BYTES)}…` : text;
}
