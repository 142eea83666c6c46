// The pixels of a JPEG, exactly those that the network was trained for: libjpeg's, untouched by colour management.

import { Trouble } from "./trouble.js";

// 16x16 pixels, red beside blue, with half the chroma; and its ninth row as libjpeg decodes it
const SAMPLE =
  "/9j/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//2wBDAQ4ODhMR" +
  "EyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAQABADASIAAhEBAxEB/8QA" +
  "FgABAQEAAAAAAAAAAAAAAAAABAEF/8QAGhABAQADAQEAAAAAAAAAAAAAAQIAA3ERM//EABUBAQEAAAAAAAAAAAAAAAAAAAQF/8QAHhEAAAUF" +
  "AQAAAAAAAAAAAAAAAAIEESIBJUFx4QP/2gAMAwEAAhEDEQA/AMTf8awmVuk8aU7idMS6pWReZZJa085PXGuBPpd1MIsXO+j/2Q==";
const ROW = [
  158, 49, 91, 162, 49, 101, 165, 48, 118, 164, 49, 127, 155, 46, 127, 119, 49, 147, 56, 59, 188, 19, 65, 212,
  4, 59, 214, 31, 57, 202, 85, 46, 163, 105, 37, 146, 93, 35, 156, 84, 36, 156, 80, 45, 149, 81, 51, 149,
];

/** @type {Promise<void> | undefined} */
let checked;

/** @param {Uint8Array} bytes @returns {Promise<{rgba: Uint8ClampedArray, width: number, height: number}>} */
async function decode(bytes) {
  const blob = new Blob([new Uint8Array(bytes)], { type: "image/jpeg" });
  const bitmap = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const { width, height } = bitmap;
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (!context) throw new Trouble("this browser gives no canvas for a picture of this size");
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return { rgba: context.getImageData(0, 0, width, height).data, width, height };
}

/** Other decoders smooth chroma in other ways, and privacy settings put noise into what a canvas gives back. */
async function check() {
  const { rgba } = await decode(Uint8Array.from(atob(SAMPLE), (char) => char.charCodeAt(0)));
  const row = rgba.subarray(8 * 64, 9 * 64).filter((_, n) => n % 4 < 3);
  if (row.some((value, n) => Math.abs(value - ROW[n]) > 2)) {
    throw new Trouble("this browser does not give the exact pixels of a JPEG (a privacy setting, or its decoder)");
  }
}

/**
 * RGB rows as they are stored, unturned; grey repeated.
 * @param {import("./jpeg.js").Jpeg} jpeg
 * @returns {Promise<Uint8Array>}
 */
export async function pixelsOf(jpeg) {
  await (checked ??= check());
  const { rgba, width, height } = await decode(jpeg.bare).catch((error) => {
    throw error instanceof Trouble ? error : new Trouble("the JPEG file is damaged");
  });
  if (width !== jpeg.width || height !== jpeg.height) throw new Trouble("the JPEG file is damaged");
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; to < rgb.length; from += 4) {
    rgb[to++] = rgba[from];
    rgb[to++] = rgba[from + 1];
    rgb[to++] = rgba[from + 2];
  }
  return rgb;
}
