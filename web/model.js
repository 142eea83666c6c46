// Model files: the network and what must be known of it.

import { openSession } from "./runtime.js";
import { Trouble } from "./trouble.js";

/** @typedef {import("./runtime.js").Places} Places */

/**
 * @typedef {object} Model
 * @property {import("./runtime.js").Session} session
 * @property {number} scale full pixels per LR pixel along one side
 * @property {number} overlap LR pixels by which tiles must overlap, a multiple of the alignment
 * @property {number} alignment LR pixels at whose multiples tiles must begin
 * @property {number[][]} tables base quantisation tables, 64 steps each
 */

const METADATA = 14; // field of an ONNX ModelProto: pairs of key (1) and value (2)

/** @param {URL} url @returns {Promise<Response>} */
export async function fetched(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer?.ok) throw new Trouble(`${url.href} cannot be fetched${answer ? ` (status ${answer.status})` : ""}`);
  return answer;
}

/**
 * Number and content of a protobuf message's fields that hold bytes.
 * @param {Uint8Array} message
 * @returns {Generator<[number, Uint8Array]>}
 */
function* fields(message) {
  let at = 0;
  const varint = () => {
    for (let value = 0, unit = 1; at < message.length; unit *= 128) {
      const byte = message[at++];
      value += (byte & 127) * unit;
      if (byte < 128) return value;
    }
    return NaN;
  };
  while (at < message.length) {
    const tag = varint(), kind = tag % 8;
    if (kind === 0) varint();
    else if (kind === 1) at += 8;
    else if (kind === 5) at += 4;
    else if (kind === 2) {
      const end = varint() + at; // evaluated from the left: `at` is behind the length by now
      if (!(end <= message.length)) return;
      yield [Math.floor(tag / 8), message.subarray(at, end)];
      at = end;
    } else return;
  }
}

/** @param {Uint8Array} graph @returns {any} what `codec export` wrote into an ONNX file, null if it did not */
export function aboutOf(graph) {
  const text = new TextDecoder();
  for (const [number, entry] of fields(graph)) {
    if (number !== METADATA) continue;
    const pair = new Map(fields(entry));
    if (text.decode(pair.get(1)) === "sain-codec") {
      try {
        return JSON.parse(text.decode(pair.get(2)));
      } catch {
        return null;
      }
    }
  }
  return null;
}

/**
 * @param {string} name of the model, hash included
 * @param {Places} places
 * @returns {Promise<Model>}
 * @throws {Trouble} if it is not there, or is another's
 */
export async function loadModel(name, places) {
  const url = new URL(`${name}.upscale.onnx`, places.models);
  const graph = new Uint8Array(await (await fetched(url)).arrayBuffer());
  const about = aboutOf(graph);
  if (about?.model !== name || about.way !== "upscale" || !about.overlap) {
    throw new Trouble(`${url.href} is not the model ${name}, but ${about?.model ?? "no file of codec export"}`);
  }
  const tables = about.tables.map((/** @type {number[][]} */ table) => table.flat());
  const { scale, overlap, alignment = 2 } = about; // files of older versions, which knew no scale 1, do not state it
  return { session: await openSession(graph, places), scale, overlap, alignment, tables };
}
