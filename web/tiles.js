// How a picture is cut for the network, as the Python package's codec/rescaler.py cuts it.

/** @typedef {{start: number, stop: number}} Span */
/** @typedef {{inner: Span, outer: Span}} Cut where the result lies, and what must be computed for it */

/**
 * @param {number} length pixels
 * @param {number} tile pixels without overlap, a multiple of the network's alignment
 * @param {number} overlap the network's reach, a multiple too: then the Haar bands and 2x2 folds of every tile are those
 *   of the whole picture
 * @returns {Cut[]}
 */
export function spans(length, tile, overlap) {
  const cuts = [];
  for (let start = 0; start < length; start += tile) {
    const stop = Math.min(start + tile, length);
    const outer = { start: Math.max(0, start - overlap), stop: Math.min(length, stop + overlap) };
    cuts.push({ inner: { start, stop }, outer });
  }
  return cuts;
}

/**
 * Tiles of equal sizes, as far as they go: fewer shapes for a GPU, and no narrow ones that are mostly overlap. What is no
 * larger than a tile with its overlap is not cut.
 * @param {number} length @param {number} most @param {number} overlap @param {number} alignment
 */
const side = (length, most, overlap, alignment) => {
  const count = length <= most + 2 * overlap ? 1 : Math.ceil(length / most);
  return alignment * Math.ceil(Math.ceil(length / count) / alignment);
};

/**
 * @param {number} width @param {number} height
 * @param {number} most pixels a side of a tile without overlap, a multiple of the alignment
 * @param {number} overlap
 * @param {number} alignment
 * @returns {{x: Cut, y: Cut}[]}
 */
export function tiles(width, height, most, overlap, alignment) {
  const across = spans(width, side(width, most, overlap, alignment), overlap);
  return spans(height, side(height, most, overlap, alignment), overlap).flatMap((y) => across.map((x) => ({ x, y })));
}

/**
 * A window of RGB pixels.
 * @param {Uint8Array} rgb @param {number} width of the whole picture
 * @param {Span} x @param {Span} y
 */
export function cropped(rgb, width, x, y) {
  const row = 3 * (x.stop - x.start), out = new Uint8Array(row * (y.stop - y.start));
  for (let line = y.start; line < y.stop; line++) {
    const from = 3 * (line * width + x.start);
    out.set(rgb.subarray(from, from + row), (line - y.start) * row);
  }
  return out;
}

/**
 * Put a restored tile where it belongs; what lies beyond the full size is let go.
 * @param {{pixels: Uint8Array, width: number, height: number, channels: number}} full
 * @param {Uint8Array} rgb the tile with its overlap
 * @param {{x: Cut, y: Cut}} cut
 * @param {number} scale
 */
export function place(full, rgb, { x, y }, scale) {
  const tileWidth = scale * (x.outer.stop - x.outer.start);
  const left = scale * x.inner.start, right = Math.min(full.width, scale * x.inner.stop);
  const bottom = Math.min(full.height, scale * y.inner.stop);
  for (let line = scale * y.inner.start; line < bottom; line++) {
    let from = 3 * ((line - scale * y.outer.start) * tileWidth + left - scale * x.outer.start);
    const to = line * full.width + left;
    if (full.channels === 3) {
      full.pixels.set(rgb.subarray(from, from + 3 * (right - left)), 3 * to);
      continue;
    }
    for (let n = 0; n < right - left; n++, from += 3) {
      // as Pillow makes luma, ITU-R 601 in 16 bits
      full.pixels[to + n] = (19595 * rgb[from] + 38470 * rgb[from + 1] + 7471 * rgb[from + 2] + 32768) >> 16;
    }
  }
}
