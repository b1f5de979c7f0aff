// rtbridge: the two messages of helloworld.Greeter in protobuf's wire format, without a generator.
// SPDX-License-Identifier: Apache-2.0
//
//   message HelloRequest { string name = 1; }
//   message HelloReply   { string message = 1; }
//
// A field is a tag (number << 3 | wire type), then its value. Strings have wire type 2 (LEN): a length, then UTF-8
// (protobuf.dev, "Encoding"). Fields with other numbers are skipped, as every protobuf reader does.

const VARINT = 0, FIXED64 = 1, LEN = 2, FIXED32 = 5;
const WIRE_TYPES = { [VARINT]: "VARINT", [FIXED64]: "I64", [LEN]: "LEN", [FIXED32]: "I32" };
const STRING_FIELD = 1;

/** Both messages have one string as field 1. The empty string is the default and is not sent. */
export function encodeHelloRequest(name) {
  const text = new TextEncoder().encode(name);
  if (text.length === 0) return text;
  return Uint8Array.from([(STRING_FIELD << 3) | LEN, ...encodeVarint(text.length), ...text]);
}

/** @throws {RangeError} if the bytes are not a protobuf message */
export function decodeHelloReply(bytes) {
  let message = "";
  for (const field of readFields(bytes)) {
    if (field.number === STRING_FIELD && field.type === LEN) message = new TextDecoder().decode(field.value);
  }
  return message;
}

/** The parts of a message for the byte view: [{ bytes, kind, label }]; what cannot be read is one raw part. */
export function annotateMessage(bytes) {
  try {
    return readFields(bytes).flatMap((field) => annotateField(bytes, field));
  } catch {
    return [{ bytes, kind: "raw", label: "not protobuf" }];
  }
}

function annotateField(bytes, { number, type, start, afterTag, valueStart, end }) {
  const parts = [{ bytes: bytes.slice(start, afterTag), kind: "tag", label: `field ${number}, ${WIRE_TYPES[type]}` }];
  if (type === LEN) {
    parts.push({ bytes: bytes.slice(afterTag, valueStart), kind: "length", label: `length ${end - valueStart}` });
  }
  const value = bytes.slice(valueStart, end);
  const label = type === LEN ? JSON.stringify(new TextDecoder().decode(value)) : "value";
  return value.length > 0 ? [...parts, { bytes: value, kind: "text", label }] : parts;
}

function readFields(bytes) {
  const fields = [];
  let offset = 0;
  while (offset < bytes.length) {
    const start = offset;
    const tag = readVarint(bytes, offset);
    const afterTag = tag.end;
    const number = Math.floor(tag.value / 8), type = tag.value % 8;
    const { valueStart, end } = valueRange(bytes, afterTag, type);
    if (number === 0 || end > bytes.length) throw new RangeError("a protobuf field is cut short");
    fields.push({ number, type, start, afterTag, valueStart, end, value: bytes.slice(valueStart, end) });
    offset = end;
  }
  return fields;
}

function valueRange(bytes, start, type) {
  switch (type) {
    case VARINT: return { valueStart: start, end: readVarint(bytes, start).end };
    case FIXED64: return { valueStart: start, end: start + 8 };
    case FIXED32: return { valueStart: start, end: start + 4 };
    case LEN: {
      const length = readVarint(bytes, start);
      return { valueStart: length.end, end: length.end + length.value };
    }
    case 3: case 4: case 6: case 7: throw new RangeError(`wire type ${type} is not used`);
  }
}

function encodeVarint(value) {
  const bytes = [];
  for (; value > 0x7f; value = Math.floor(value / 128)) bytes.push((value % 128) | 0x80);
  return [...bytes, value];
}

/** A varint has at most ten bytes; lengths above 2⁵³ would lose digits and cannot fit in a message anyway. */
function readVarint(bytes, start) {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    if (start + index >= bytes.length) throw new RangeError("a varint is cut short");
    const byte = bytes[start + index];
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: start + index + 1 };
  }
  throw new RangeError("a varint has more than ten bytes");
}
