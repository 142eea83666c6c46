// The page's side of the worker: one picture at a time, and an end to workers that die or say nothing.

import { Trouble } from "./trouble.js";

/** @typedef {import("./worker.js").Job} Job */
/** @typedef {import("sain-codec").Restored} Restored */
/** @typedef {{ordinary: true}} Ordinary a picture that is not ours */
/** @typedef {{enough: true}} Enough a small file of ours, whose place has no more pixels than it has */
/** @typedef {Restored | Ordinary | Enough} Answer */
/** @typedef {(progress: number) => void} Report */
/**
 * @typedef {object} Task
 * @property {Job} job
 * @property {Report} report
 * @property {(answer: Answer) => void} resolve
 * @property {(reason: Error) => void} reject
 */

const DEATHS = 3; // after which no more is tried
const IDLE = 60_000; // ms, after which the runtime's memory is given back

/** @returns {Worker} */
function start() {
  const url = new URL("./worker.js", import.meta.url);
  if (url.origin === location.origin) return new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  // workers must be of the page's own origin; what they import need not be
  const stub = new Blob([`import ${JSON.stringify(url.href)};`], { type: "text/javascript" });
  return new Worker(URL.createObjectURL(stub), { type: "module" });
}

/** A queue in front of a worker that is started when there is something to do. */
export class Restorer {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Task | null} */
  #busy = null;
  /** @type {Task[]} */
  #waiting = [];
  #deaths = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #clock;
  #timeout;

  /** @param {number} timeout ms of silence after which the worker is given up */
  constructor(timeout) {
    this.#timeout = timeout;
  }

  /**
   * @param {Job} job
   * @param {Report} report called with 0…1
   * @returns {Promise<Answer>} rejects with a `Trouble` that says why the picture stays as it is
   */
  restore(job, report) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, report, resolve, reject });
      this.#next();
    });
  }

  #next() {
    if (this.#busy) return;
    const task = (this.#busy = this.#waiting.shift() ?? null);
    this.#expect(task ? this.#timeout : IDLE, () => (task ? this.#die("it did not answer in time") : this.#stop()));
    if (!task) return;
    if (this.#deaths >= DEATHS) return this.#end((it) => it.reject(new Trouble("the worker has died too often")));
    try {
      this.#worker ??= this.#started();
      this.#worker.postMessage(task.job);
    } catch (error) {
      this.#die(String(error));
    }
  }

  #started() {
    const worker = start();
    worker.onmessage = ({ data }) => {
      if (worker === this.#worker) this.#hear(data);
    };
    worker.onerror = (event) => {
      event.preventDefault(); // it is told once, by us
      if (worker === this.#worker) this.#die(event.message || "it could not be loaded");
    };
    return worker;
  }

  /** @param {any} answer */
  #hear(answer) {
    if (answer.progress !== undefined) {
      this.#expect(this.#timeout, () => this.#die("it did not answer in time"));
      this.#busy?.report(answer.progress);
    } else if (answer.reason !== undefined) this.#end((task) => task.reject(new Trouble(answer.reason)));
    else {
      this.#deaths = 0;
      this.#end((task) => task.resolve(answer));
    }
  }

  /** @param {string} reason */
  #die(reason) {
    this.#stop();
    this.#deaths += 1;
    this.#end((task) => task.reject(new Trouble(`the worker died: ${reason}`)));
  }

  #stop() {
    this.#worker?.terminate();
    this.#worker = null;
  }

  /** @param {(task: Task) => void} how */
  #end(how) {
    const task = this.#busy;
    this.#busy = null;
    if (task) how(task);
    this.#next();
  }

  /** @param {number} time @param {() => void} then */
  #expect(time, then) {
    clearTimeout(this.#clock);
    this.#clock = setTimeout(then, time);
  }
}
