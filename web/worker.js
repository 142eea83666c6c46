// Restores one picture after the other, away from the page's thread.

import { checkFresh, findHeader, recognisedHeader } from "./header.js";
import { readJpeg } from "./jpeg.js";
import { fetched, loadModel } from "./model.js";
import { pixelsOf } from "./pixels.js";
import { png, turned } from "./png.js";
import { condition, isUnusual } from "./tables.js";
import { cropped, place, tiles } from "./tiles.js";
import { Trouble } from "./trouble.js";

/** @typedef {import("./jpeg.js").Jpeg} Jpeg */
/** @typedef {import("./header.js").Header} Header */
/** @typedef {import("./runtime.js").Places} Places */
/**
 * @typedef {object} Job
 * @property {string} url
 * @property {RequestCredentials} credentials
 * @property {boolean} turn
 * @property {number} shown screen pixels for each of the file's, a side
 * @property {Places} places
 */

const TILE = 192; // of the units that tiles are aligned to, a side, without overlap: 384 LR pixels, at scale 1 768
const MOST = 1e8; // pixels of a restored picture
const PLAIN = "plain"; // no network: the file holds the picture at full size

/** @type {Map<string, Promise<import("./model.js").Model>>} */
const models = new Map();
/** @type {Promise<import("./header.js").Known> | undefined} */
let known;

/** @param {Job} job @returns {Promise<Uint8Array>} the picture's file, most often from the browser's cache */
async function fileOf({ url, credentials }) {
  const answer = await fetch(url, { cache: "force-cache", credentials }).catch(() => null);
  if (answer?.ok) return new Uint8Array(await answer.arrayBuffer());
  if (answer) throw new Trouble(`it cannot be fetched again (status ${answer.status})`);
  const foreign = /^https?:/.test(url) && new URL(url).origin !== self.origin;
  const advice = 'its site must allow it with CORS headers, and the img needs crossorigin="anonymous"';
  throw new Trouble(`it cannot be fetched again${foreign ? `: ${advice}` : ""}`);
}

/** @param {Jpeg} jpeg @param {Job} job @returns {Promise<Header | null>} null for an ordinary picture */
async function headerOf(jpeg, { places }) {
  const header = findHeader(jpeg);
  if (header || !isUnusual(jpeg.tables)) return header;
  known ??= fetched(new URL("tables.json", places.models)).then((answer) => answer.json()).catch(() => ({}));
  return recognisedHeader(jpeg, await known);
}

/** @param {Header} header @param {Jpeg} jpeg @throws {Trouble} before anything large is fetched for nothing */
function check(header, jpeg) {
  if (header.alpha) throw new Trouble("it has transparency, which is not restored in a browser");
  checkFresh(header, jpeg);
  if (jpeg.components !== 1 && jpeg.components !== 3) throw new Trouble("it is neither grey nor RGB");
  if (header.fullSize[0] * header.fullSize[1] > MOST) throw new Trouble("it is too large to be restored in a browser");
}

/** @param {Job} job @param {(progress: number) => void} report */
async function restore(job, report) {
  const bytes = await fileOf(job);
  const started = performance.now();
  const jpeg = readJpeg(bytes);
  const header = jpeg && (await headerOf(jpeg, job));
  if (!jpeg || !header || header.model === PLAIN) return { ordinary: true };
  // a small file has more than its place can show; one of full size is restored at its own
  if (job.shown <= 1 && header.fullSize.join() !== header.lrSize.join()) return { enough: true };
  check(header, jpeg);
  const lr = await pixelsOf(jpeg);
  if (!models.has(header.model)) models.set(header.model, loadModel(header.model, job.places));
  const model = await /** @type {Promise<import("./model.js").Model>} */ (models.get(header.model));
  const [width, height] = header.fullSize, { scale, session } = model;
  if (Math.ceil(width / scale) !== jpeg.width || Math.ceil(height / scale) !== jpeg.height) {
    throw new Trouble("its header is inconsistent");
  }
  report(0);
  const loaded = performance.now();
  const channels = header.grey ? 1 : jpeg.components;
  const full = { pixels: new Uint8Array(width * height * channels), width, height, channels };
  const cuts = tiles(jpeg.width, jpeg.height, TILE * model.alignment, model.overlap, model.alignment);
  const steps = condition(jpeg.tables[0]);
  for (const [done, { x, y }] of cuts.entries()) {
    const part = cropped(lr, jpeg.width, x.outer, y.outer);
    const restored = await session.upscale(part, x.outer.stop - x.outer.start, y.outer.stop - y.outer.start, steps);
    place(full, restored, { x, y }, scale);
    report((done + 1) / cuts.length);
  }
  const computed = performance.now();
  const shown = turned(full, job.turn ? jpeg.orientation : 1);
  const blob = await png(shown, jpeg.icc);
  const times = { load: loaded - started, network: computed - loaded, png: performance.now() - computed };
  const { kind: device, threads } = session;
  return { blob, width: shown.width, height: shown.height, model: header.model, device, threads, times };
}

self.onmessage = async (/** @type {MessageEvent<Job>} */ { data: job }) => {
  try {
    self.postMessage(await restore(job, (progress) => self.postMessage({ progress })));
  } catch (error) {
    const reason = error instanceof Trouble ? error.message : `it cannot be restored: ${String(error).split("\n")[0]}`;
    self.postMessage({ reason });
  }
};
