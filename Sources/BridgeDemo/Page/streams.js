// rtbridge: the playground's client stream and its talk both ways, over WebSocket.
// SPDX-License-Identifier: Apache-2.0

import { byId, element, milliseconds, showState, showStatus } from "./dom.js";
import { setOpen, traffic } from "./flow.js";
import { Channel } from "./grpcsocket.js";
import { decodeHelloReply, encodeHelloRequest } from "./proto.js";

const PATHS = {
  client: "/helloworld.Greeter/SayHelloClientStream",
  bidi: "/helloworld.Greeter/SayHelloBidiStream",
};

const onBytes = (direction, bytes) => traffic("grpc", direction, bytes);
const channels = { multiplex: new Channel(location.origin), single: new Channel(location.origin, { multiplex: false }) };

export function startStreams() {
  let call, started = 0;

  const log = (kind, text) => {
    const list = byId("talk-log");
    list.append(element("li", kind,
      element("span", "time", milliseconds(performance.now() - started)), element("span", "text", text)));
    list.scrollTop = list.scrollHeight;
  };
  const enable = (isOpen) => {
    for (const id of ["talk-client", "talk-bidi"]) byId(id).disabled = isOpen;
    for (const id of ["talk-send", "talk-end", "talk-cancel"]) byId(id).disabled = !isOpen;
    setOpen("grpc", isOpen);
  };

  const run = async (kind) => {
    const channel = channels[byId("talk-multiplex").checked ? "multiplex" : "single"];
    byId("talk-log").replaceChildren();
    started = performance.now();
    call = channel.call(PATHS[kind], { onBytes });
    enable(true);
    showState(byId("talk-status"), "open", "busy");
    for await (const message of call.messages()) log("in", decodeHelloReply(message));
    showStatus(byId("talk-status"), call.status);
    byId("talk-detail").textContent =
      `${channel.isMultiplex ? "calls share a WebSocket" : "a WebSocket of its own"}${call.status.message ? `: ${call.status.message}` : ""}`;
    enable(false);
  };

  byId("talk-client").addEventListener("click", () => run("client"));
  byId("talk-bidi").addEventListener("click", () => run("bidi"));
  byId("talk-cancel").addEventListener("click", () => call.cancel());
  byId("talk-end").addEventListener("click", () => {
    call.end();
    log("out", "half-close");
    for (const id of ["talk-send", "talk-end"]) byId(id).disabled = true;
  });
  byId("talk-form").addEventListener("submit", (event) => {
    event.preventDefault();
    if (!call || byId("talk-send").disabled) return;
    const name = byId("talk-name").value;
    call.send(encodeHelloRequest(name));
    log("out", name);
    byId("talk-name").select();
  });
}
