// Quantisation tables as the Python package's codec/jpeg/tables.py and recognise.py have them.

const LUMA = [
  16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
  14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
  49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
];
const CHROMA = [
  17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
  47, 66, 99, 99, 99, 99, 99, 99, ...new Array(32).fill(99),
];
const COARSEST = 5000; // per cent, which quality 1 stands for

/**
 * What a network is told of a file's coarseness: mean log2 of the 64 luma steps.
 * @param {number[]} luma
 */
export function condition(luma) {
  return luma.reduce((sum, step) => sum + Math.log2(step), 0) / luma.length;
}

/**
 * Whether `tables` are `base`, multiplied by any percentage as libjpeg does it.
 * @param {number[][]} tables
 * @param {number[][]} base
 */
export function isScaled(tables, base) {
  let low = 0, high = COARSEST;
  for (let t = 0; t < tables.length; t++) {
    for (let n = 0; n < 64; n++) {
      const step = tables[t][n];
      // clipped steps allow all beyond
      if (step !== 1) low = Math.max(low, Math.ceil((100 * step - 50) / base[t][n]));
      if (step !== 255) high = Math.min(high, Math.floor((100 * step + 49) / base[t][n]));
    }
  }
  return low <= high;
}

/**
 * Whether only a program that learned its tables writes such ones: nobody's standard, at any percentage.
 * @param {number[][]} tables
 */
export function isUnusual(tables) {
  const steps = tables.flat();
  const eightBits = steps.every((step) => step >= 1 && step <= 255);
  return (tables.length === 1 || tables.length === 2) && eightBits && !isScaled(tables, [LUMA, CHROMA]);
}

/**
 * The oldest model whose tables these are, at any percentage; null for strangers'.
 * @param {number[][]} tables
 * @param {Record<string, {scale: number, tables: number[][]}>} known the oldest first
 */
export function recognise(tables, known) {
  if (!isUnusual(tables)) return null;
  return Object.keys(known).find((model) => isScaled(tables, known[model].tables)) ?? null;
}
