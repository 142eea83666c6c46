/** Where things are fetched from, and how long the worker may be silent. */
export interface Options {
  /** Folder of `NAME.upscale.onnx` and `tables.json`; default: `models/` beside the script. */
  models?: string;
  /** Folder of onnxruntime-web's `dist` files; default: where npm puts them beside this package. */
  runtime?: string;
  /** Of the WebAssembly runtime on cross-origin isolated pages; 0, the default: as many as cores, at most four. */
  threads?: number;
  /** Milliseconds of silence after which the worker is given up; default: 60 000. */
  timeout?: number;
}

/** To be called before the first picture comes into view. */
export function configure(options: Options): void;

export interface Restored {
  /** The restored picture as a PNG. */
  blob: Blob;
  /** Pixels, as the picture is shown. */
  width: number;
  height: number;
  model: string;
  device: "webgpu" | "wasm";
  /** Of the part that runs on the CPU. */
  threads: number;
  /** Milliseconds: until the model was loaded, in the network, and until the PNG was written. */
  times: { load: number; network: number; png: number };
}

export interface Failed {
  reason: string;
  /** Whether it is a picture that sain-codec did not write, which is no trouble. */
  ordinary: boolean;
}

declare global {
  interface HTMLElementEventMap {
    /** 0…1 */
    "sain-progress": CustomEvent<{ progress: number }>;
    "sain-restored": CustomEvent<Restored>;
    "sain-failed": CustomEvent<Failed>;
  }
}
