// rtbridge: the playground's unary call, its byte view, and the same call as a line for a shell.
// SPDX-License-Identifier: Apache-2.0

import { byId, byteCount, milliseconds, showFields, showState, showStatus } from "./dom.js";
import { traffic } from "./flow.js";
import { Call } from "./grpcweb.js";
import { decodeHelloReply, encodeHelloRequest } from "./proto.js";
import { frameView } from "./wireview.js";

const PATH = "/helloworld.Greeter/SayHello";

export function startUnary() {
  byId("unary-form").addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  byId("unary-form").addEventListener("input", showRequest);
  byId("curl-copy").addEventListener("click", copyCurl);
  showRequest();
}

/** The call that the form describes; it is only begun by run(). */
function callOfForm(onBytes) {
  const form = new FormData(byId("unary-form"));
  return new Call(PATH, encodeHelloRequest(form.get("name")), { format: form.get("format"), onBytes });
}

/** The request is known before it is sent, so its bytes are shown as the name is typed. */
function showRequest() {
  const call = callOfForm();
  byId("wire-request-head").textContent = `POST ${PATH}\ncontent-type: ${call.contentType}`;
  byId("wire-request").replaceChildren(frameView("Request frame", call.requestFrame, { isText: call.format === "text" }));
  byId("curl-line").textContent = curlLine(call.requestFrame);
}

async function run() {
  const button = byId("unary-call");
  const status = byId("unary-status");
  const passed = { up: 0, down: 0 };
  const call = callOfForm((direction, bytes) => {
    passed[direction] += bytes;
    traffic("grpc", direction, bytes);
  });
  button.disabled = true;
  showState(status, "calling", "busy");
  const start = performance.now();
  let reply = "";
  for await (const message of call.messages()) reply = decodeHelloReply(message);
  const elapsed = performance.now() - start;
  button.disabled = false;

  byId("unary-reply").textContent = call.status.code === 0 ? reply : call.status.message || "no message";
  byId("unary-reply").dataset.state = call.status.code === 0 ? "good" : "bad";
  showStatus(status, call.status);
  byId("unary-time").textContent = milliseconds(elapsed);
  byId("unary-sent").textContent = byteCount(passed.up);
  byId("unary-received").textContent = byteCount(passed.down);
  showResponse(call);
}

function showResponse(call) {
  const isText = call.format === "text";
  showFields(byId("unary-headers"), call.headers, "No headers came.");
  showFields(byId("unary-trailers"), call.trailers, "No trailers came.");
  byId("unary-trailers-source").textContent = call.status.source;
  byId("wire-response-head").textContent = call.httpStatus ? `HTTP ${call.httpStatus}` : call.status.message;
  byId("wire-response").replaceChildren(...call.frames.map((frame) =>
    frameView(frame.flag === 0 ? "Response frame" : "Trailer frame", frame.bytes, { isText })));
}

/** Bytes that a shell's printf or quotes could take for their own are written in octal; printf knows %% everywhere. */
function curlLine(bytes) {
  const text = Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    if (/[A-Za-z0-9 .,:;_!?-]/.test(character)) return character;
    return character === "%" ? "%%" : `\\${byte.toString(8).padStart(3, "0")}`;
  }).join("");
  const options = location.protocol === "https:" ? "-sk" : "-s";
  return `printf '${text}' |\n  curl ${options} --data-binary @- \\\n    -H 'content-type: application/grpc-web+proto' \\\n    ${location.origin}${PATH} | xxd`;
}

async function copyCurl() {
  const button = byId("curl-copy");
  try {
    await navigator.clipboard.writeText(byId("curl-line").textContent);
    button.textContent = "Copied";
  } catch {
    getSelection().selectAllChildren(byId("curl-line"));
    button.textContent = "Selected: press Ctrl+C";
  }
  setTimeout(() => { button.textContent = "Copy"; }, 2500);
}
