// The gallery: what is shown beside each picture, and the slider over it.

const number = new Intl.NumberFormat("en");
const seconds = (/** @type {number} */ ms) => `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
const gallery = /** @type {HTMLElement} */ (document.getElementById("gallery"));
const template = /** @type {HTMLTemplateElement} */ (document.getElementById("entry"));
const runtime = /** @type {HTMLElement} */ (document.getElementById("runtime"));

/**
 * @typedef {object} Entry of pictures/index.json
 * @property {string} file
 * @property {number} width @property {number} height of the photo
 * @property {number} sent @property {number} jpeg @property {number} png bytes
 * @property {number} psnr of the restored picture
 */

/** @param {Entry} entry */
function figure(entry) {
  const node = /** @type {DocumentFragment} */ (template.content.cloneNode(true));
  const find = (/** @type {string} */ selector) => /** @type {any} */ (node.querySelector(selector));
  const stage = find(".stage"), after = find(".after"), before = find(".before"), state = find(".state span");
  const bar = find("progress");
  stage.style.setProperty("--width", `${Math.max(entry.width, 384)}px`);
  stage.style.setProperty("--ratio", `${entry.width} / ${entry.height}`);
  for (const img of [after, before]) img.src = entry.file;
  const range = find("input");
  range.addEventListener("input", () => stage.style.setProperty("--at", `${range.value}%`));
  for (const of of /** @type {const} */ (["sent", "jpeg", "png"])) {
    find(`[data-of=${of}]`).textContent = `${number.format(entry[of])} bytes`;
  }
  before.addEventListener("load", () => {
    const asItCame = `the file as it came, ${before.naturalWidth} × ${before.naturalHeight} pixels`;
    state.textContent ||= asItCame; // unless it has been restored by now
  });
  after.addEventListener("sain-progress", (/** @type {CustomEvent} */ { detail }) => {
    bar.hidden = false;
    bar.value = detail.progress;
  });
  after.addEventListener("sain-restored", (/** @type {CustomEvent} */ { detail }) => {
    const { width, height, times, device, threads } = detail;
    bar.hidden = true;
    const took = `${seconds(times.network)} on the ${device === "webgpu" ? "GPU" : "CPU"}`;
    state.textContent = `${width} × ${height} pixels, restored in ${took}, ${entry.psnr} dB`;
    if (!runtime.dataset.told) {
      const how = device === "webgpu" ? "WebGPU" : `WebAssembly, threads: ${threads}`;
      runtime.textContent = `Runtime and model were loaded in ${seconds(times.load)} (${how}).`;
      runtime.dataset.told = "1";
    }
  });
  after.addEventListener("sain-failed", (/** @type {CustomEvent} */ { detail }) => {
    bar.hidden = true;
    state.textContent = `stays as it came: ${detail.reason}`;
  });
  return node;
}

const listed = /** @type {Entry[]} */ (await (await fetch("pictures/index.json")).json());
gallery.append(...listed.map(figure));
document.documentElement.dataset.ready = "1";
export {}; // a module: it awaits
