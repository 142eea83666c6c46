// What a JPEG's segments say, read as Pillow reads them. Knows nothing of headers or networks.

import { Trouble } from "./trouble.js";

/**
 * @typedef {object} Jpeg
 * @property {number} width of the pixels as they are stored
 * @property {number} height
 * @property {number} components 1 (grey), 3 or 4
 * @property {number[][]} tables quantisation steps in natural order, luma first: 64 each
 * @property {string | null} xmp one character per byte
 * @property {string | null} exif one character per byte, `Exif\0\0` included
 * @property {string | null} comment one character per byte
 * @property {Uint8Array | null} icc
 * @property {number} orientation 1…8, as EXIF has it
 * @property {Uint8Array} bare the file without what would make a browser turn or tint its pixels
 */

const XMP = "http://ns.adobe.com/xap/1.0/\0";
const EXIF = "Exif\0\0";
const ICC = "ICC_PROFILE\0";

// the n-th coefficient in a file's zigzag order lies at ORDER[n] of the natural one
const ORDER = Array.from({ length: 64 }, (_, at) => at).sort((a, b) => place(a) - place(b));

/** @param {number} at place in natural order */
function place(at) {
  const x = at & 7, y = at >> 3, diagonal = x + y;
  return diagonal * 8 + (diagonal % 2 ? y : x);
}

/** @param {Uint8Array} bytes @returns {string} one character per byte */
export function characters(bytes) {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return text;
}

/**
 * The segments up to the first scan; null for what is no JPEG.
 * @param {Uint8Array} bytes
 * @returns {Jpeg | null}
 * @throws {Trouble} for a damaged file
 */
export function readJpeg(bytes) {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  /** @type {Map<number, number[]>} */
  const tables = new Map();
  /** @type {Uint8Array[]} */
  const profile = [], kept = [bytes.subarray(0, 2)];
  /** @type {Jpeg} */
  const jpeg = {
    width: 0, height: 0, components: 0, tables: [], xmp: null, exif: null, comment: null, icc: null, orientation: 1,
    bare: bytes,
  };
  let at = 2;
  for (;;) {
    if (at + 4 > bytes.length || bytes[at] !== 0xff) throw new Trouble("the JPEG file is damaged");
    const marker = bytes[at + 1];
    if (marker === 0xff) { // fill bytes may precede a marker
      at += 1;
      continue;
    }
    if (marker === 0xda) break;
    const end = at + 2 + view.getUint16(at + 2), body = bytes.subarray(at + 4, end);
    if (end > bytes.length || end < at + 4) throw new Trouble("the JPEG file is damaged");
    if (marker === 0xdb) readTables(body, tables);
    else if (marker === 0xfe) jpeg.comment = characters(body);
    else if (marker === 0xe1) readMetadata(body, jpeg);
    else if (marker === 0xe2 && characters(body.subarray(0, 12)) === ICC) profile.push(body);
    else if (isFrame(marker) && body.length >= 6) {
      jpeg.height = view.getUint16(at + 5);
      jpeg.width = view.getUint16(at + 7);
      jpeg.components = body[5];
    }
    if (marker !== 0xe1 && marker !== 0xe2 && marker !== 0xfe) kept.push(bytes.subarray(at, end));
    at = end;
  }
  if (!jpeg.width || !jpeg.height || !hasEnd(bytes, at)) throw new Trouble("the JPEG file is damaged");
  jpeg.tables = [...tables.keys()].sort((a, b) => a - b).map((key) => tables.get(key) ?? []);
  jpeg.icc = profile.length ? joined(profile.sort((a, b) => a[12] - b[12]).map((part) => part.subarray(14))) : null;
  jpeg.orientation = orientationOf(jpeg.exif);
  jpeg.bare = joined([...kept, bytes.subarray(at)]);
  return jpeg;
}

/** @param {Uint8Array} bytes @param {number} scan where it starts: thumbnails before it have ends of their own */
function hasEnd(bytes, scan) {
  let at = bytes.length - 1;
  while (at > scan && !(bytes[at] === 0xd9 && bytes[at - 1] === 0xff)) at--;
  return at > scan;
}

/** @param {number} marker */
function isFrame(marker) {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

/** @param {Uint8Array[]} parts @returns {Uint8Array<ArrayBuffer>} */
export function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** @param {Uint8Array} body @param {Map<number, number[]>} tables */
function readTables(body, tables) {
  for (let at = 0; at < body.length;) {
    const wide = body[at] >> 4 ? 2 : 1, number = body[at] & 15;
    if (at + 1 + 64 * wide > body.length) throw new Trouble("the JPEG file is damaged");
    const steps = new Array(64);
    for (let n = 0; n < 64; n++) {
      const from = at + 1 + n * wide;
      steps[ORDER[n]] = wide === 2 ? body[from] * 256 + body[from + 1] : body[from];
    }
    tables.set(number, steps);
    at += 1 + 64 * wide;
  }
}

/** @param {Uint8Array} body @param {Jpeg} jpeg */
function readMetadata(body, jpeg) {
  const text = characters(body);
  if (text.startsWith(XMP)) jpeg.xmp = text.slice(XMP.length);
  else if (text.startsWith(EXIF)) jpeg.exif = jpeg.exif === null ? text : jpeg.exif + text.slice(EXIF.length);
}

/** @param {string | null} exif @returns {number} of the first directory; 1 where it says nothing to be believed */
function orientationOf(exif) {
  const tiff = exif?.slice(EXIF.length) ?? "", little = tiff.startsWith("II*\0");
  if (!little && !tiff.startsWith("MM\0*")) return 1;
  /** @param {number} at @param {number} length */
  const number = (at, length) => {
    let value = 0;
    for (let i = 0; i < length; i++) value = value * 256 + tiff.charCodeAt(little ? at + length - 1 - i : at + i);
    return value; // NaN beyond the end
  };
  const start = number(4, 4), count = Math.min(number(start, 2) || 0, 1000);
  for (let entry = start + 2; entry < start + 2 + 12 * count; entry += 12) {
    if (number(entry, 2) !== 0x0112) continue;
    const value = number(entry + 8, 2);
    return number(entry + 2, 2) === 3 && value >= 1 && value <= 8 ? value : 1;
  }
  return 1;
}
