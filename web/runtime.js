// ONNX Runtime, fetched when first needed: the WebGPU build where there is an adapter, else the one without.

import { Trouble } from "./trouble.js";

/** @typedef {typeof import("onnxruntime-web")} Ort */
/** @typedef {{models: string, runtime: string, threads: number}} Places `threads` 0: as many as cores, at most four */

/**
 * @typedef {object} Session
 * @property {"webgpu" | "wasm"} kind
 * @property {number} threads
 * @property {(rgb: Uint8Array, width: number, height: number, condition: number) => Promise<Uint8Array>} upscale
 *   RGB rows of a small picture -> those of the restored one
 * @property {() => Promise<void>} close
 */

// the smallest module with a SIMD instruction: (func (result v128) i32.const 0 i8x16.splat)
const SIMD = Uint8Array.of(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
);
const FAR = 8; // levels by which a GPU's float32 cannot be off
const CHECK = 32; // pixels a side of what both compute

/** @type {Promise<{ort: Ort, gpu: boolean}> | undefined} */
let runtime;

/** @returns {Promise<boolean>} */
async function hasGpu() {
  try {
    const { gpu } = /** @type {{gpu?: {requestAdapter(): Promise<unknown>}}} */ (/** @type {unknown} */ (navigator));
    return Boolean(await gpu?.requestAdapter());
  } catch {
    return false;
  }
}

/** @param {Places} places */
async function fetchRuntime(places) {
  if (typeof WebAssembly === "undefined" || !WebAssembly.validate(SIMD)) {
    throw new Trouble("this browser has no WebAssembly with SIMD");
  }
  const gpu = await hasGpu();
  // where WebAssembly can wait for promises itself, the build that does so is two thirds of the other's size
  const build = gpu ? ("Suspending" in WebAssembly ? "jspi" : "webgpu") : "wasm";
  const url = new URL(`ort.${build}.min.mjs`, places.runtime).href;
  /** @type {Ort} */
  const ort = await import(url).catch(() => {
    throw new Trouble(`the runtime cannot be loaded from ${url}`);
  });
  ort.env.logLevel = "error";
  ort.env.wasm.wasmPaths = places.runtime;
  const most = places.threads || Math.min(4, navigator.hardwareConcurrency || 1);
  ort.env.wasm.numThreads = self.crossOriginIsolated ? most : 1;
  return { ort, gpu };
}

/**
 * @param {Ort} ort @param {Uint8Array} graph @param {"webgpu" | "wasm"} kind
 * @returns {Promise<Session>}
 */
async function open(ort, graph, kind) {
  // errors only: ours are told
  const session = await ort.InferenceSession.create(graph, { executionProviders: [kind], logSeverityLevel: 3 });
  return {
    kind,
    threads: ort.env.wasm.numThreads ?? 1,
    async upscale(rgb, width, height, condition) {
      const pixels = new ort.Tensor("uint8", rgb, [height, width, 3]);
      const { result } = await session.run({ pixels, condition: new ort.Tensor("float32", [condition], [1]) });
      return /** @type {Uint8Array} */ (result.data);
    },
    close: () => session.release(),
  };
}

/** @param {Session} a @param {Session} b */
async function agree(a, b) {
  const rgb = Uint8Array.from({ length: CHECK * CHECK * 3 }, (_, n) => (n * n * 7 + (n >> 3) * 31) & 255);
  const ours = await a.upscale(rgb, CHECK, CHECK, 4), theirs = await b.upscale(rgb, CHECK, CHECK, 4);
  return ours.every((value, n) => Math.abs(value - theirs[n]) <= FAR);
}

/**
 * A session on the GPU if it computes what the CPU does (some drivers do not), else on the CPU.
 * @param {Uint8Array} graph
 * @param {Places} places
 * @returns {Promise<Session>}
 */
export async function openSession(graph, places) {
  const { ort, gpu } = await (runtime ??= fetchRuntime(places));
  const cpu = await open(ort, graph, "wasm");
  if (!gpu) return cpu;
  try {
    const fast = await open(ort, graph, "webgpu");
    if (await agree(fast, cpu)) {
      await cpu.close();
      return fast;
    }
    await fast.close();
  } catch {
    // the GPU cannot run it
  }
  return cpu;
}
