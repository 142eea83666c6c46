// What an img element says of itself, and how it is made to show another file without moving anything.

/** @param {HTMLImageElement} img */
const inPicture = (img) => (img.parentElement instanceof HTMLPictureElement ? img.parentElement : null);

/**
 * Pixels of the file that it shows, turned as it is shown. (With a srcset, `naturalWidth` tells CSS pixels.)
 * @param {HTMLImageElement} img
 * @returns {Promise<[number, number]>}
 */
async function fileSize(img) {
  if (!img.srcset && !inPicture(img)) return [img.naturalWidth, img.naturalHeight];
  const probe = new Image();
  probe.crossOrigin = img.crossOrigin;
  probe.src = img.currentSrc;
  await probe.decode();
  return [probe.naturalWidth, probe.naturalHeight];
}

/**
 * How many pixels of the screen it has for each pixel of its file, along one side.
 * @param {HTMLImageElement} img
 * @returns {Promise<number>}
 */
export async function enlargement(img) {
  const ratio = window.devicePixelRatio, fit = getComputedStyle(img).objectFit;
  const [width, height] = await fileSize(img);
  const ratios = [(img.clientWidth * ratio) / width, (img.clientHeight * ratio) / height];
  return fit === "contain" || fit === "scale-down" ? Math.min(...ratios) : Math.max(...ratios);
}

/** @param {HTMLImageElement} img whether the browser turns it as its EXIF asks, which CSS can forbid */
export const isTurned = (img) => getComputedStyle(img).imageOrientation !== "none";

/** @param {string} url */
const release = (url) => URL.revokeObjectURL(url);
/** @type {FinalizationRegistry<string>} */
const gone = new FinalizationRegistry(release);

/** What makes an img show a restored picture. Its `src` stays; `currentSrc` tells what is shown. */
export class Shown {
  /** @type {Map<"srcset" | "sizes", {before: string | null, ours: string}>} */
  #changed = new Map();
  #url = "";
  #bound = false; // whether the ratio of its sides is held by us
  #over = false;
  /** @type {HTMLImageElement | HTMLSourceElement | null} */
  #target = null;

  /**
   * @param {HTMLImageElement} img
   * @param {{blob: Blob, width: number, height: number}} restored
   */
  async show(img, { blob, width, height }) {
    const url = URL.createObjectURL(blob), { naturalWidth: w, naturalHeight: h } = img;
    try {
      const ready = new Image(); // decoded before it is shown: no flicker, and no broken picture
      ready.src = url;
      await ready.decode();
    } catch (error) {
      release(url);
      throw error;
    }
    if (this.#over) return release(url);
    const picture = inPicture(img), target = picture ? document.createElement("source") : img;
    // such sizes keep the natural size, and with it a layout that depends on it
    for (const [name, ours] of /** @type {const} */ ([["srcset", `${url} ${width}w`], ["sizes", `${w}px`]])) {
      this.#changed.set(name, { before: target.getAttribute(name), ours });
      target.setAttribute(name, ours);
    }
    if (target !== img) picture?.prepend(target); // the first that fits is taken
    // photos of odd sides have not quite the ratio of their small pictures
    this.#bound = width * h !== height * w && getComputedStyle(img).aspectRatio.startsWith("auto");
    if (this.#bound) img.style.aspectRatio = `${w} / ${h}`;
    gone.register(img, url, this);
    this.#url = url;
    this.#target = target;
  }

  /** @param {HTMLImageElement} img whether the page has asked for something else since */
  isOverruled(img) {
    const ours = this.#changed.get("srcset")?.ours;
    return this.#target !== img || img.getAttribute("srcset") !== ours;
  }

  /** @param {HTMLImageElement} img that is to show what the page asks for again */
  undo(img) {
    this.#over = true;
    if (!this.#target) return;
    for (const [name, { before, ours }] of this.#changed) {
      if (this.#target.getAttribute(name) !== ours) continue; // the page's own by now
      this.#target.setAttribute(name, before ?? "about:blank 1x"); // or Chromium's density would outlive the srcset
      if (before === null) this.#target.removeAttribute(name);
    }
    if (this.#target !== img) this.#target.remove();
    if (this.#bound) img.style.aspectRatio = "";
    this.#target = null;
    gone.unregister(this);
    release(this.#url);
  }
}
