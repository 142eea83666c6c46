// Our header in a JPEG's metadata, as the Python package's codec/header.py, embed.py and carriers/jpeg.py read it.

import { recognise } from "./tables.js";
import { Trouble } from "./trouble.js";

/** @typedef {import("./jpeg.js").Jpeg} Jpeg */
/** @typedef {Record<string, {scale: number, tables: number[][]}>} Known models by name, the oldest first */

/**
 * @typedef {object} Header
 * @property {string} model network and weights
 * @property {[number, number]} fullSize width and height of the restored picture
 * @property {[number, number]} lrSize of the file's pixels
 * @property {string} digest CRC-32 that binds the header to them
 * @property {boolean} grey
 * @property {boolean} alpha whether transparency lies beside the pixels
 */

const FIELDS =
  /^(\d{1,4});([\w.-]{1,80});(\d{1,6})x(\d{1,6});(\d{1,6})x(\d{1,6});([0-9a-f]{8})((?:;[\w.-]{1,12}){0,8})$/;
const SIZE = /^sain;(\d{1,6})x(\d{1,6})$/;
const TEXT = /sain;([!-~]{1,160})(?:\0|$)/;
// what we wrote ourselves comes first; tools that edit XMP write it anew, with other quotes, or attributes as elements
const IN_XMP = [
  /xmlns:s="urn:sain:" s:h="([^"<>&]{1,160})"\/>/g,
  /(?<![/\w])s:h(?:\s*=\s*["']|>)([^"'<>&]{1,160})["'<]/g,
];

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

/** @param {Uint8Array} bytes @param {number} crc of what came before */
export function crc32(bytes, crc = 0) {
  crc = ~crc;
  for (let at = 0; at < bytes.length; at++) crc = CRC[(crc ^ bytes[at]) & 255] ^ (crc >>> 8);
  return ~crc >>> 0;
}

/** @param {Jpeg} jpeg @returns {string} what a header of this file must state */
export function digestOf(jpeg) {
  const data = new DataView(new ArrayBuffer(8 + 128 * jpeg.tables.length));
  data.setUint32(0, jpeg.width, true);
  data.setUint32(4, jpeg.height, true);
  jpeg.tables.flat().forEach((step, n) => data.setUint16(8 + 2 * n, step, true));
  return crc32(new Uint8Array(data.buffer)).toString(16).padStart(8, "0");
}

/** @param {string} line @returns {Header} @throws {Trouble} */
export function parse(line) {
  const version = /^\d+(?=;|$)/.exec(line)?.[0];
  if (version && Number(version) !== 1) throw new Trouble(`its format version is ${version.slice(0, 4)}, not 1`);
  const fields = FIELDS.exec(line);
  const sizes = fields?.slice(3, 7).map(Number) ?? [];
  if (!fields || sizes.includes(0)) throw new Trouble("its header is malformed");
  /** @type {Header} */
  const header = {
    model: fields[2], fullSize: [sizes[0], sizes[1]], lrSize: [sizes[2], sizes[3]], digest: fields[7], grey: false,
    alpha: false,
  };
  for (const field of fields[8].split(";").slice(1)) {
    if (field === "g") header.grey = true;
    else if (/^a[0-9a-f]{8}$/.test(field)) header.alpha = true;
    // a JPEG's own tables state the condition; any other field comes from a newer version
    else if (!/^c\d\.\d\d$/.test(field)) throw new Trouble(`its header has a field that is not known here: ${field}`);
  }
  return header;
}

/**
 * The header that a JPEG's metadata hold: XMP, then EXIF, then a comment; null for an ordinary picture.
 * @param {Jpeg} jpeg
 * @returns {Header | null}
 * @throws {Trouble} for a malformed one
 */
export function findHeader(jpeg) {
  const line = inXmp(jpeg.xmp) ?? inText(jpeg.exif) ?? (statedSize(jpeg) ? null : inText(jpeg.comment));
  return line === null ? null : parse(line);
}

/** @param {string | null} xmp */
function inXmp(xmp) {
  if (!xmp?.includes("urn:sain:")) return null;
  for (const pattern of IN_XMP) {
    const found = [...xmp.matchAll(pattern)].at(-1);
    if (found) return found[1];
  }
  return null;
}

/** @param {string | null} block */
const inText = (block) => (block && TEXT.exec(block)?.[1]) || null;

/** @param {Jpeg} jpeg */
const statedSize = (jpeg) => SIZE.exec(jpeg.comment ?? "");

/**
 * The header of a JPEG that has lost it, or was written without: its tables name the model.
 * @param {Jpeg} jpeg
 * @param {Known} known
 * @returns {Header | null}
 */
export function recognisedHeader(jpeg, known) {
  const model = recognise(jpeg.tables, known);
  if (model === null) return null;
  const { scale } = known[model], stated = statedSize(jpeg);
  /** @type {[number, number]} */
  const fullSize = stated ? [Number(stated[1]), Number(stated[2])] : [jpeg.width * scale, jpeg.height * scale];
  return { model, fullSize, lrSize: [jpeg.width, jpeg.height], digest: digestOf(jpeg), grey: false, alpha: false };
}

/** @param {Header} header @param {Jpeg} jpeg @throws {Trouble} where it speaks of other pixels than the file's */
export function checkFresh(header, jpeg) {
  const [w, h] = header.lrSize;
  if (w !== jpeg.width || h !== jpeg.height || header.digest !== digestOf(jpeg)) {
    throw new Trouble("it was resized or encoded again after codec.encode wrote it");
  }
}
