// rtbridge: gRPC's interoperability cases for the playground's client of gRPC over WebSocket.
// SPDX-License-Identifier: Apache-2.0
//
// The cases are those of grpc/doc/interop-test-descriptions.md, under their names there. Runs in browsers and in Node.js.

const SERVICE = "/grpc.testing.TestService";

// protobuf by hand (protobuf.dev, "Encoding"); the field numbers are those of grpc/testing/messages.proto.

function varint(value) {
  const bytes = [];
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128);
  return [...bytes, value];
}

function bytesField(number, value) {
  const head = [(number << 3) | 2, ...varint(value.length)];
  const field = new Uint8Array(head.length + value.length);
  field.set(head);
  field.set(value, head.length);
  return field;
}

function message(...fields) {
  const all = new Uint8Array(fields.reduce((sum, field) => sum + field.length, 0));
  let offset = 0;
  for (const field of fields) {
    all.set(field, offset);
    offset += field.length;
  }
  return all;
}

const number = (field, value) => Uint8Array.from([field << 3, ...varint(value)]);
const payload = (size) => message(bytesField(2, new Uint8Array(size)));
const echoStatus = (code, text) => bytesField(7, message(number(1, code), bytesField(2, new TextEncoder().encode(text))));
const simple = (replySize, requestSize) => message(number(2, replySize), bytesField(3, payload(requestSize)));
const streaming = (sizes, requestSize) =>
  message(...sizes.map((size) => bytesField(2, number(1, size))), bytesField(3, payload(requestSize)));
const input = (size) => message(bytesField(1, payload(size)));

/** The fields of a message: number → value, the last one counting. */
function read(bytes) {
  const fields = {};
  for (let at = 0; at < bytes.length;) {
    const next = () => {
      let value = 0, factor = 1;
      for (;; factor *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    const tag = next();
    if (tag % 8 === 0) fields[tag >> 3] = next();
    else {
      const length = next();
      fields[tag >> 3] = bytes.subarray(at, at += length);
    }
  }
  return fields;
}

const bodySize = (reply) => read(read(reply)[1] ?? [])[2]?.length ?? 0;

function equal(found, expected, what) {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}: ${a}, not ${b}`);
}

/** Sends all, ends, and reads all. */
async function exchange(channel, method, requests, options) {
  const call = channel.call(`${SERVICE}/${method}`, options);
  for (const request of requests) call.send(request);
  call.end();
  const replies = [];
  for await (const reply of call.messages()) replies.push(reply);
  return { call, replies };
}

async function pingPong(channel, options, sizes) {
  const call = channel.call(`${SERVICE}/FullDuplexCall`, options);
  const replies = call.messages();
  for (const [replySize, requestSize] of sizes) {
    call.send(streaming([replySize], requestSize));
    equal(bodySize((await replies.next()).value), replySize, "size of the reply");
  }
  return { call, replies };
}

const INITIAL = "x-grpc-test-echo-initial", TRAILING = "x-grpc-test-echo-trailing-bin";

function checkMetadata(call) {
  equal(Object.fromEntries(call.headers)[INITIAL], "test_initial_metadata_value", INITIAL);
  equal(Object.fromEntries(call.trailers)[TRAILING].replace(/=+$/, ""), "q6ur", TRAILING);
}

const SPECIAL = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

export const cases = {
  async empty_unary(channel) {
    equal((await channel.unary(`${SERVICE}/EmptyCall`, new Uint8Array(0))).length, 0, "length");
  },
  async large_unary(channel) {
    equal(bodySize(await channel.unary(`${SERVICE}/UnaryCall`, simple(314159, 271828))), 314159, "size");
  },
  async client_streaming(channel) {
    const { call, replies } = await exchange(channel, "StreamingInputCall", [27182, 8, 1828, 45904].map(input));
    equal([call.status.code, read(replies[0])[1]], [0, 74922], "status and sum");
  },
  async server_streaming(channel) {
    const sizes = [31415, 9, 2653, 58979];
    const { call, replies } = await exchange(channel, "StreamingOutputCall", [streaming(sizes, 0)]);
    equal([call.status.code, ...replies.map(bodySize)], [0, ...sizes], "status and sizes");
  },
  async ping_pong(channel) {
    const { call, replies } = await pingPong(channel, {}, [[31415, 27182], [9, 8], [2653, 1828], [58979, 45904]]);
    call.end();
    equal((await replies.next()).done, true, "end");
    equal(call.status.code, 0, "status");
  },
  async empty_stream(channel) {
    const { call, replies } = await exchange(channel, "FullDuplexCall", []);
    equal([call.status.code, replies.length], [0, 0], "status and replies");
  },
  async cancel_after_begin(channel) {
    const call = channel.call(`${SERVICE}/StreamingInputCall`);
    call.cancel();
    for await (const _ of call.messages()) throw new Error("a message");
    equal(call.status.code, 1, "status");
  },
  async cancel_after_first_response(channel) {
    const { call, replies } = await pingPong(channel, {}, [[31415, 27182]]);
    call.cancel();
    equal([(await replies.next()).done, call.status.code], [true, 1], "end and status");
  },
  async timeout_on_sleeping_server(channel) {
    const call = channel.call(`${SERVICE}/FullDuplexCall`, { timeoutMs: 1 });
    call.send(streaming([], 27182));
    for await (const _ of call.messages()) throw new Error("a message");
    equal(call.status.code, 4, "status");
  },
  async custom_metadata(channel) {
    const metadata = { [INITIAL]: "test_initial_metadata_value", [TRAILING]: "q6ur" };
    const { call } = await exchange(channel, "UnaryCall", [simple(314159, 271828)], { metadata });
    checkMetadata(call);
    const duplex = await pingPong(channel, { metadata }, [[314159, 271828]]);
    duplex.call.end();
    await duplex.replies.next();
    checkMetadata(duplex.call);
  },
  async status_code_and_message(channel) {
    for (const method of ["UnaryCall", "FullDuplexCall"]) {
      const { call } = await exchange(channel, method, [echoStatus(2, "test status message")]);
      equal([call.status.code, call.status.message], [2, "test status message"], method);
    }
  },
  async special_status_message(channel) {
    const { call } = await exchange(channel, "UnaryCall", [echoStatus(2, SPECIAL)]);
    equal([call.status.code, call.status.message], [2, SPECIAL], "status");
  },
  async unimplemented_method(channel) {
    const failure = await channel.unary(`${SERVICE}/UnimplementedCall`, new Uint8Array(0)).catch((error) => error);
    equal(failure.status.code, 12, "status");
  },
  async unimplemented_service(channel) {
    const path = "/grpc.testing.UnimplementedService/UnimplementedCall";
    const failure = await channel.unary(path, new Uint8Array(0)).catch((error) => error);
    equal(failure.status.code, 12, "status");
  },
  async a_hundred_calls_at_once(channel) {
    const sums = await Promise.all(Array.from({ length: 100 }, async (_, index) => {
      const { replies } = await exchange(channel, "StreamingInputCall", [input(index), input(1000)]);
      return read(replies[0])[1];
    }));
    equal(sums, Array.from({ length: 100 }, (_, index) => index + 1000), "sums");
  },
  async much_at_a_time(channel) {
    const call = channel.call(`${SERVICE}/StreamingInputCall`);
    for (let sent = 0; sent < 40; sent += 1) {
      call.send(input(500_000));
      await call.ready();
    }
    call.end();
    equal(read(await call.single())[1], 20_000_000, "sum");
  },
};

/** Runs every case, and says of each "ok" or what went wrong. */
export async function run(makeChannel) {
  const channel = makeChannel();
  const results = {};
  for (const [name, body] of Object.entries(cases)) {
    try {
      await body(channel);
      results[name] = "ok";
    } catch (error) {
      results[name] = String(error);
    }
  }
  return { results, isMultiplex: channel.isMultiplex };
}
