// Pixels from standard input as web/ writes them: one PNG for each orientation, in base64.
import { joined } from "../../web/jpeg.js";
import { png, turned } from "../../web/png.js";
import { cropped, place, tiles } from "../../web/tiles.js";

let text = "";
for await (const piece of process.stdin) text += piece;
const { pixels, width, height, channels, icc, cuts } = JSON.parse(text);
const picture = { pixels: Uint8Array.from(pixels), width, height, channels };
const files = [];
for (let orientation = 1; orientation <= 8; orientation++) {
  const blob = await png(turned(picture, orientation), icc && Uint8Array.from(icc));
  files.push(Buffer.from(await blob.arrayBuffer()).toString("base64"));
}
// a "network" that only enlarges: tiles must come together to the same picture, whatever they are cut into
const [tile, overlap, alignment, scale] = cuts;
const [fullWidth, fullHeight] = [scale * width, scale * height - (scale - 1)]; // of an odd height
const full = { pixels: new Uint8Array(fullWidth * fullHeight * 3), width: fullWidth, height: fullHeight, channels: 3 };
const sizes = [];
for (const cut of channels === 3 ? tiles(width, height, tile, overlap, alignment) : []) {
  const part = cropped(picture.pixels, width, cut.x.outer, cut.y.outer), w = cut.x.outer.stop - cut.x.outer.start;
  const rows = [];
  for (let at = 0; at < part.length; at += 3 * w) {
    const row = Uint8Array.from({ length: 3 * scale * w }, (_, n) => part[at + 3 * Math.floor(n / 3 / scale) + (n % 3)]);
    for (let n = 0; n < scale; n++) rows.push(row);
  }
  sizes.push([cut.x.inner.start, cut.y.inner.start, w, part.length / 3 / w]);
  place(full, joined(rows), cut, scale);
}
console.log(JSON.stringify({ files, full: [...full.pixels], sizes }));
