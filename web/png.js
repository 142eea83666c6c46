// Restored pixels as a PNG: lossless, and the photo's colour profile goes with it, whatever its gamut.

import { crc32 } from "./header.js";

/** @typedef {{pixels: Uint8Array<ArrayBuffer>, width: number, height: number, channels: number}} Picture 1 or 3 */

const SIGNATURE = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** @param {Uint8Array<ArrayBuffer>} bytes */
async function deflated(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {string} name @param {Uint8Array} content @returns {Uint8Array<ArrayBuffer>} */
function chunk(name, content) {
  const out = new Uint8Array(content.length + 12), view = new DataView(out.buffer);
  view.setUint32(0, content.length);
  for (let n = 0; n < 4; n++) out[4 + n] = name.charCodeAt(n);
  out.set(content, 8);
  view.setUint32(8 + content.length, crc32(out.subarray(4, 8 + content.length)));
  return out;
}

/**
 * @param {Picture} picture
 * @param {Uint8Array | null} icc the file's profile
 * @returns {Promise<Blob>}
 */
export async function png({ pixels, width, height, channels }, icc) {
  const head = new DataView(new ArrayBuffer(13));
  head.setUint32(0, width);
  head.setUint32(4, height);
  head.setUint8(8, 8);
  head.setUint8(9, channels === 3 ? 2 : 0);
  const row = width * channels, rows = new Uint8Array(height * (row + 1));
  for (let y = 0; y < height; y++) rows.set(pixels.subarray(y * row, (y + 1) * row), y * (row + 1) + 1);
  const parts = [SIGNATURE, chunk("IHDR", new Uint8Array(head.buffer))];
  if (icc) {
    const profile = await deflated(new Uint8Array(icc));
    const named = new Uint8Array(5 + profile.length); // "icc", its end, the only method there is
    named.set([105, 99, 99, 0, 0]);
    named.set(profile, 5);
    parts.push(chunk("iCCP", named));
  }
  parts.push(chunk("IDAT", await deflated(rows)), chunk("IEND", new Uint8Array()));
  return new Blob(parts, { type: "image/png" });
}

/**
 * Turned as EXIF's orientation asks: a PNG's own is not read everywhere.
 * @param {Picture} picture
 * @param {number} orientation 1…8
 * @returns {Picture}
 */
export function turned(picture, orientation) {
  if (orientation === 1) return picture;
  const { pixels, width, height, channels } = picture, swapped = orientation > 4;
  const [w, h] = swapped ? [height, width] : [width, height], out = new Uint8Array(pixels.length);
  const flipX = [2, 3, 7, 8].includes(orientation), flipY = [3, 4, 6, 7].includes(orientation);
  for (let y = 0, to = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      const [a, b] = swapped ? [y, x] : [x, y]; // column and row as they are stored, but for the flips
      const from = channels * ((flipY ? height - 1 - b : b) * width + (flipX ? width - 1 - a : a));
      for (let c = 0; c < channels; c++) out[to++] = pixels[from + c];
    }
  }
  return { pixels: out, width: w, height: h, channels };
}
