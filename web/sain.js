// Pictures of sain-codec at full size: <img data-sain src="photo.jpg">. See README.md.

import { Shown, enlargement, isTurned } from "./elements.js";
import { Restorer } from "./restore.js";
import { Trouble } from "./trouble.js";

/**
 * @typedef {object} State of an img
 * @property {boolean} near the part of the page that is seen
 * @property {"waiting" | "busy" | "settled"} stage
 * @property {Shown | null} shown
 * @property {number} above screen pixels for each of its file's, a side, above which it is restored
 */

const SELECTOR = "img[data-sain]";
const NEAR = "300px"; // from the part of the page that is seen
const HALF = 0.49; // a little less, for sides are rounded. What is shown smaller hides what a network would restore
const WHOLE = 1;

const settings = {
  models: new URL("models/", import.meta.url).href,
  runtime: new URL("../onnxruntime-web/dist/", import.meta.url).href,
  threads: 0,
  timeout: 60_000,
};
/** @type {WeakMap<HTMLImageElement, State>} */
const states = new WeakMap();
/** @type {Set<string>} */
const told = new Set();
/** @type {Restorer | undefined} */
let restorer;

/**
 * To be called before the first picture comes into view.
 * @param {Partial<typeof settings>} options see sain.d.ts
 */
export function configure(options) {
  Object.assign(settings, options);
  for (const name of /** @type {const} */ (["models", "runtime"])) {
    settings[name] = new URL(settings[name].replace(/\/*$/, "/"), document.baseURI).href;
  }
}

/** @param {HTMLImageElement} img @param {string} name @param {object} detail */
function tell(img, name, detail) {
  img.dispatchEvent(new CustomEvent(`sain-${name}`, { bubbles: true, detail }));
}

/** @param {HTMLImageElement} img @param {unknown} error */
function fail(img, error) {
  const reason = error instanceof Trouble ? error.message : String(error);
  if (!told.has(reason)) console.warn(`sain: ${img.currentSrc.slice(0, 200)} stays as it is: ${reason}`);
  told.add(reason); // once for all pictures that it keeps from being restored
  tell(img, "failed", { reason, ordinary: false });
}

/** @param {HTMLImageElement} img @param {State} state @returns {Promise<State["stage"]>} */
async function work(img, state) {
  const url = img.currentSrc, isCurrent = () => states.get(img) === state;
  try {
    const enlarged = await enlargement(img);
    if (!(enlarged > state.above)) return "waiting";
    const { models, runtime, threads, timeout } = settings;
    restorer ??= new Restorer(timeout);
    const credentials = img.crossOrigin === "use-credentials" ? "include" : "same-origin";
    const job = { url, credentials, turn: isTurned(img), shown: enlarged, places: { models, runtime, threads } };
    const answer = await restorer.restore(/** @type {import("./worker.js").Job} */ (job), (progress) => {
      if (isCurrent()) tell(img, "progress", { progress });
    });
    if (!isCurrent()) return "settled"; // the page asks for another picture by now
    if ("ordinary" in answer) {
      tell(img, "failed", { reason: "an ordinary picture", ordinary: true });
      return "settled";
    }
    if ("enough" in answer) {
      state.above = WHOLE;
      return work(img, state); // it may have grown meanwhile
    }
    state.shown = new Shown();
    await state.shown.show(img, answer);
    if (isCurrent()) tell(img, "restored", answer);
  } catch (error) {
    if (isCurrent()) fail(img, error);
  }
  return "settled";
}

/** @param {HTMLImageElement} img */
async function consider(img) {
  const state = states.get(img);
  if (state?.stage !== "waiting" || !state.near || !img.complete || !img.naturalWidth) return;
  state.stage = "busy";
  state.stage = await work(img, state);
  if (state.stage === "settled" && states.get(img) === state) forget(img);
}

/** @type {IntersectionObserver} */
let places;
/** @type {ResizeObserver} */
let sizes;

/** @param {HTMLImageElement} img @returns {void} it needs no more looking at, until the page changes it */
function forget(img) {
  places.unobserve(img);
  sizes.unobserve(img);
}

/** @param {HTMLImageElement} img that is new, or shows something new */
function watch(img) {
  states.get(img)?.shown?.undo(img);
  states.set(img, { near: false, stage: "waiting", shown: null, above: HALF });
  forget(img); // what is observed anew is reported anew
  places.observe(img);
  sizes.observe(img);
}

/** @param {MutationRecord[]} records */
function onMutations(records) {
  for (const { type, target, addedNodes, attributeName } of records) {
    for (const node of addedNodes) {
      if (!(node instanceof Element)) continue;
      const found = /** @type {NodeListOf<HTMLImageElement>} */ (node.querySelectorAll(SELECTOR));
      for (const img of [node, ...found]) if (isOurs(img) && !states.has(img)) watch(img);
    }
    const isSource = target instanceof HTMLSourceElement;
    const img = isSource ? target.parentElement?.querySelector("img") : target;
    if (type !== "attributes" || !img || !isOurs(img)) continue;
    const shown = states.get(img)?.shown;
    if (!shown || isSource || attributeName === "src" || shown.isOverruled(img)) watch(img);
  }
}

/** @param {Node} node @returns {node is HTMLImageElement} */
const isOurs = (node) => node instanceof HTMLImageElement && node.matches(SELECTOR);

const all = () => /** @type {NodeListOf<HTMLImageElement>} */ (document.querySelectorAll(SELECTOR));

/** Zooming, or moving the window to another screen, changes how many pixels a CSS pixel has. */
function onDensity() {
  const query = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
  const onChange = () => {
    all().forEach(consider);
    onDensity();
  };
  query.addEventListener("change", onChange, { once: true });
}

function start() {
  const script = [...document.scripts].find(({ src }) => src === import.meta.url);
  const { models, runtime } = script?.dataset ?? {};
  configure({ ...(models && { models }), ...(runtime && { runtime }) });
  places = new IntersectionObserver((entries) => {
    for (const { target, isIntersecting } of entries) {
      const img = /** @type {HTMLImageElement} */ (target), state = states.get(img);
      if (state) state.near = isIntersecting;
      consider(img);
    }
  }, { rootMargin: NEAR });
  sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) consider(/** @type {HTMLImageElement} */ (target));
  });
  new MutationObserver(onMutations).observe(document, {
    subtree: true, childList: true, attributes: true, attributeFilter: ["src", "srcset", "data-sain"],
  });
  // loads do not bubble, but can be caught on their way down
  const onLoad = (/** @type {Event} */ { target }) => target instanceof Node && isOurs(target) && consider(target);
  document.addEventListener("load", onLoad, true);
  onDensity();
  all().forEach(watch);
}

if (typeof document !== "undefined") start(); // a server may import this module too
