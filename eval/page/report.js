"use strict";
const { summary, gallery } = JSON.parse(document.getElementById("data").textContent);
const $ = (id) => document.getElementById(id);

// Strings from the data enter the page as text nodes and attribute values only, never as HTML.
function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.flat().filter((child) => child != null));
  return element;
}
const el = (tag, attributes = {}, ...children) => make(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const listed = (...parts) => parts.filter((part) => part != null && part !== "").join(" · ");
const choices = (select, entries) => select.append(...entries.map(([value, text]) => el("option", { value }, text)));

function table(holder, label, head, rows) {
  const cell = (content) => (content instanceof HTMLTableCellElement ? content : el("td", {}, content));
  const lines = rows.map(([name, ...cells]) => el("tr", {}, el("th", { scope: "row" }, name), cells.map(cell)));
  const titles = el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)));
  holder.replaceChildren(el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
    el("table", {}, el("thead", {}, titles), el("tbody", {}, lines))));
}

// A true minus sign, and a dash for what was not measured.
const num = (value, digits) => (value == null ? "–" : value.toFixed(digits).replace("-", "−"));
const signed = (value, digits) =>
  (Number(value.toFixed(digits)) > 0 ? "+" : "") + num(Number(value.toFixed(digits)) || 0, digits);
const plural = (count, word) => `${count} ${word}${count === 1 ? "" : "s"}`;
const unit = (metric) => (metric.unit ? ` ${metric.unit}` : "");
// Similarities up to 1 need more digits than decibels and scores.
const digitsOf = (key) => (Object.values(summary.curves).flat().every((point) => !(point[key] > 1)) ? 4 : 2);
const byRate = (points) => [...points].sort((a, b) => a.bpp - b.bpp);
const middle = (points) => points[points.length >> 1];

// ---- The chart
const series = [
  ...summary.codecs.map((codec) => ({ name: codec.name, kind: codec.ours ? "ours" : "other", on: true })),
  ...Object.entries(summary.published).map(([name, curve]) => ({ name, kind: "published", on: name === "VTM", curve })),
];
const MARKS = [
  (x, y) => `M${x - 3.3} ${y}a3.3 3.3 0 1 0 6.6 0a3.3 3.3 0 1 0-6.6 0z`,
  (x, y) => `M${x - 3} ${y - 3}h6v6h-6z`,
  (x, y) => `M${x} ${y - 4}l4 7h-8z`,
  (x, y) => `M${x} ${y - 4.2}l4.2 4.2l-4.2 4.2l-4.2-4.2z`,
];
let hits = []; // every point drawn: {line, point, x, y}, in pixels
let current = -1; // the one that the tip tells about

function pointsOf(line, key) {
  const { curve } = line, picture = $("picture").value;
  let points = (picture ? summary.per_picture[line.name]?.[picture] : summary.curves[line.name]) ?? [];
  // Published figures are means over a set: they say nothing about one picture.
  if (curve) points = picture ? [] : curve.bpp.map((bpp, i) => ({ bpp, [key]: curve[key]?.[i] }));
  return byRate(points.map((point) => ({ ...point, value: point[key] })).filter((p) => p.bpp > 0 && p.value != null));
}

// A map from values to pixels `from`…`to`, and the round values within it, of which about `room` have a place.
function scale(values, from, to, room, log) {
  const f = log ? Math.log10 : Number;
  let low = f(Math.min(...values)), high = f(Math.max(...values));
  const margin = 0.04 * (high - low) || 0.1;
  low = !log && low >= 0 ? Math.max(0, low - margin) : low - margin;
  high += margin;
  const [least, most] = log ? [10 ** low, 10 ** high] : [low, high];
  let ticks = [];
  for (let power = Math.floor(low); log && power <= high; power++) ticks.push(...[1, 2, 5].map((m) => m * 10 ** power));
  ticks = ticks.filter((tick) => tick >= least && tick <= most).map((tick) => Number(tick.toPrecision(9)));
  if (ticks.length < 3) {
    const rough = (most - least) / room, power = 10 ** Math.floor(Math.log10(rough));
    const step = power * ([1, 2, 5].find((m) => m * power >= rough) ?? 10);
    ticks = [];
    for (let i = Math.ceil(least / step); i * step <= most; i++) ticks.push(Number((i * step).toPrecision(9)));
  }
  return { at: (value) => from + ((f(value) - low) / (high - low)) * (to - from), ticks };
}

function draw() {
  const metric = summary.metrics[$("metric").value], label = `${metric.label}${metric.unit && ` (${metric.unit})`}`;
  for (const line of series) {
    line.points = pointsOf(line, metric.key);
    line.button.disabled = !line.points.length;
  }
  const shown = series.filter((line) => line.on && line.points.length);
  // Axes fit what was measured here; published curves are cut to it.
  const fitted = shown.some((line) => !line.curve) ? shown.filter((line) => !line.curve) : shown;
  const points = fitted.flatMap((line) => line.points);
  const width = Math.max(260, $("chart").clientWidth), height = Math.round(Math.min(500, 220 + width * 0.28));
  const [left, right, top, bottom] = [46, width - 14, 34, height - 46];
  const root = svg("svg", { viewBox: `0 0 ${width} ${height}`, height, tabindex: 0, role: "img",
    "aria-label": `${label} against bits per pixel, ${plural(shown.length, "curve")}. Arrow keys walk the points.` });
  $("chart").querySelector("svg")?.remove();
  $("chart").prepend(root);
  hits = [];
  if (points.length) {
    const x = scale(points.map((point) => point.bpp), left, right, width / 80, $("log").checked);
    const y = scale(points.map((point) => point.value), bottom, top, height / 45, false);
    for (const tick of x.ticks) root.append(svg("path", { class: "grid", d: `M${x.at(tick)} ${top}V${bottom}` }),
      svg("text", { x: x.at(tick), y: bottom + 18, "text-anchor": "middle" }, `${tick}`));
    for (const tick of y.ticks) root.append(svg("path", { class: "grid", d: `M${left} ${y.at(tick)}H${right}` }),
      svg("text", { x: left - 8, y: y.at(tick) + 4, "text-anchor": "end" }, `${tick}`.replace("-", "−")));
    const plot = svg("g", { "clip-path": "url(#plot)" });
    root.append(svg("clipPath", { id: "plot" }, svg("rect", { x: left - 5, y: top - 5, width: right - left + 10,
      height: bottom - top + 10 })), plot);
    // Ours last, on top of the others.
    for (const line of [...shown].sort((a, b) => (a.kind === "ours") - (b.kind === "ours"))) {
      const at = line.points.map((point) => ({ line, point, x: x.at(point.bpp), y: y.at(point.value) }));
      const path = `M${at.map((hit) => `${hit.x.toFixed(1)} ${hit.y.toFixed(1)}`).join("L")}`;
      plot.append(svg("g", { class: line.kind }, svg("path", { class: "line", stroke: line.colour, d: path }),
        svg("path", { fill: line.colour, d: line.curve ? "" : at.map((hit) => line.mark(hit.x, hit.y)).join("") })));
      hits.push(...at.filter((h) => h.x > left - 5 && h.x < right + 5 && h.y > top - 5 && h.y < bottom + 5));
    }
  }
  root.append(svg("text", { x: left - 34, y: 20 }, points.length ? label : "Nothing to draw"),
    svg("text", { x: right, y: height - 10, "text-anchor": "end" }, "bits per pixel"),
    svg("circle", { id: "ring", r: 7, fill: "none", "stroke-width": 2 }));
  for (const type of ["pointermove", "pointerdown"]) root.addEventListener(type, nearest);
  for (const type of ["pointerleave", "blur"]) root.addEventListener(type, () => tell(-1));
  root.addEventListener("keydown", walk);
  tell(-1);
  table($("numbers"), "The shown curves", ["Codec", "Quality", "bpp", label], shown.flatMap((line) => line.points.map(
    (p) => [line.name, `${p.quality ?? "–"}`, num(p.bpp, 3), num(p.value, digitsOf(metric.key))])));
}

function nearest(event) {
  const frame = $("chart").querySelector("svg").getBoundingClientRect();
  const away = hits.map((hit) => Math.hypot(hit.x - event.clientX + frame.left, hit.y - event.clientY + frame.top));
  tell(away.findIndex((distance) => distance < 60 && distance === Math.min(...away)));
}

function walk(event) {
  const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
  if (!step || !hits.length) return;
  event.preventDefault();
  tell(current < 0 ? 0 : (current + step + hits.length) % hits.length);
}

function tell(index) {
  current = index;
  $("tip").replaceChildren();
  $("ring").setAttribute("visibility", index < 0 ? "hidden" : "visible");
  if (index < 0) return;
  const { line, point, x, y } = hits[index], metric = summary.metrics[$("metric").value];
  make($("ring"), { cx: x, cy: y, stroke: line.colour }, []);
  const value = `${metric.label} ${num(point.value, digitsOf(metric.key))}${unit(metric)}`;
  $("tip").append(el("b", {}, line.name), listed(line.curve ? "published" : `quality ${point.quality}`,
    `${num(point.bpp, 3)} bpp`), el("br"), value);
  const { offsetWidth, offsetHeight } = $("tip"), above = y - offsetHeight - 14;
  $("tip").style.left = `${Math.max(4, Math.min(x + 14, $("chart").clientWidth - offsetWidth - 4))}px`;
  $("tip").style.top = `${above > 0 ? above : y + 14}px`;
}

function legendButton(line) {
  line.button = el("button", { type: "button", "aria-pressed": line.on },
    svg("svg", { width: 28, height: 14, class: line.kind, "aria-hidden": "true" },
      svg("path", { class: "line", stroke: line.colour, d: "M1 7H27" }),
      svg("path", { fill: line.colour, d: line.curve ? "" : line.mark(14, 7) })),
    el("span", {}, line.curve ? `${line.name} (published)` : line.name));
  line.button.addEventListener("click", () => {
    line.button.setAttribute("aria-pressed", (line.on = !line.on));
    draw();
  });
  return line.button;
}

function buildChart() {
  choices($("metric"), summary.metrics.map((metric, index) => [index, metric.label]));
  choices($("picture"), [["", `mean of all ${summary.pictures.length}`],
    ...summary.pictures.map((p) => [p.name, `${p.name} (${p.width} × ${p.height})`])]);
  series.forEach((line, i) => Object.assign(line, { colour: `var(--c${i % 10})`, mark: MARKS[i % MARKS.length] }));
  $("legend").append(...series.map((line) => el("li", {}, legendButton(line))));
  const sources = Object.entries(summary.published);
  $("sources").hidden = !sources.length;
  $("source-list").append(...sources.map(([name, curve]) => el("li", {}, el("b", {}, name), ` ${curve.source}`)));
  for (const id of ["metric", "picture", "log"]) $(id).addEventListener("change", draw);
  window.addEventListener("resize", draw);
  draw();
}

// ---- The tables
function bdCell(entry, metric) {
  if (!entry) return "–";
  if (entry.bd_rate == null) return el("td", { class: "reason" }, "–", el("small", {}, entry.reason ?? ""));
  const known = entry.interval?.every((end) => end != null), digits = digitsOf(metric.key);
  const [from, to] = known ? entry.interval : [-Infinity, Infinity];
  return el("td", { class: to < 0 ? "good" : from > 0 ? "bad" : "even" }, el("b", {}, `${signed(entry.bd_rate, 1)} %`),
    known ? el("small", {}, `[${signed(from, 1)}, ${signed(to, 1)}]`) : null,
    el("small", {}, `${num(entry.low, digits - 1)}…${num(entry.high, digits - 1)}${unit(metric)}`),
    el("small", {}, listed(entry.bd_quality == null ? null : `${signed(entry.bd_quality, digits)}${unit(metric)}`,
      entry.wins == null ? null : `${entry.wins} of ${entry.pictures}`)));
}

function drawBd() {
  const entries = summary.bd.filter((entry) => entry.anchor === $("anchor").value);
  // A column for each metric over all that two curves share, and one for each range of its own.
  const spanOf = (entry) => entry.span?.map((end) => `${end}`).join("…") ?? "";
  const columns = summary.metrics.flatMap((metric) =>
    [...new Set(entries.filter((entry) => entry.metric === metric.key).map(spanOf))].map((span) => ({ metric, span })));
  table($("bd"), "BD-rate", ["Codec", ...columns.map(({ metric, span }) => listed(metric.label, span))],
    [...new Set(entries.map((entry) => entry.codec))].map((name) => [name, ...columns.map(({ metric, span }) =>
      bdCell(entries.find((e) => e.codec === name && e.metric === metric.key && spanOf(e) === span), metric))]));
}

function drawSpeed() {
  const area = summary.pictures.reduce((sum, p) => sum + p.width * p.height, 0) / summary.pictures.length / 1e6;
  $("speed-note").append(`Mean CPU seconds, all threads together, per picture of ${num(area, 2)} megapixels on average, and the memory that one `,
    "adds at its peak, at the middle of each codec's qualities.");
  table($("speed"), "Time and memory", ["Codec", "Quality", "bpp", "Encode, s", "Decode, s", "Peak, MB"],
    summary.codecs.map((codec) => {
      const point = middle(byRate(summary.curves[codec.name] ?? [])) ?? {};
      return [codec.name, `${point.quality ?? "–"}`, num(point.bpp, 2), num(point.encode_s, 3),
        num(point.decode_s, 3), num(codec.peak_mb, 0)];
    }));
  $("codecs").append(...summary.codecs.map((codec) =>
    el("li", {}, el("b", {}, codec.name), ` ${listed(codec.description, codec.identity)}`)));
}

function drawLr() {
  const rows = summary.codecs.flatMap(({ name }) => {
    const points = byRate(summary.curves[name] ?? []).filter((point) => point.lr_psnr != null);
    return [...new Set([points[0], middle(points), points.at(-1)])].filter(Boolean).map((p) =>
      [name, `${p.quality}`, num(p.bpp, 2), num(p.lr_psnr, 2), num(p.lr_ssim, 4), num(p.lr_ssimulacra2, 1)]);
  });
  $("lr-section").hidden = !rows.length;
  table($("lr"), "Fidelity", ["Codec", "Quality", "bpp", "PSNR RGB, dB", "SSIM", "SSIMULACRA2"], rows);
}

function drawMissing() {
  const groups = new Map(); // places by codec and reason
  for (const { codec, picture, quality, reason } of summary.missing) {
    const key = JSON.stringify([codec, reason]), place = listed(picture, quality == null ? null : `quality ${quality}`);
    groups.set(key, [...(groups.get(key) ?? []), place || "all of it"]);
  }
  $("missing").hidden = !groups.size;
  $("missing-list").append(...[...groups].map(([key, places]) => el("li", {}, el("b", {}, JSON.parse(key)[0]),
    `: ${JSON.parse(key)[1]}`, el("small", {}, places.join(", ")))));
}

// ---- The gallery
function shot({ picture, rank, gain_db: gain, crops }) {
  const rival = crops.findIndex((crop) => crop.psnr != null && !isOurs(crop.label));
  const ours = crops.findIndex((crop) => isOurs(crop.label));
  const range = el("input", { type: "range", max: 100, step: 0.5, value: 50 });
  const sides = [["Left", Math.max(0, rival)], ["Right", ours < 0 ? crops.length - 1 : ours]].map(([side, chosen]) => {
    const img = el("img"), facts = el("small");
    const select = el("select", { "aria-label": `${side} version of ${picture}` });
    choices(select, crops.map((crop, index) => [index, crop.label]));
    select.value = chosen;
    return { img, select, facts, caption: el("label", {}, select, facts) };
  });
  const stage = el("div", { class: "stage" }, sides.map((side) => side.img), el("i"), range);
  const show = () => {
    const chosen = sides.map((side) => crops[side.select.value]);
    sides.forEach(({ img, facts }, index) => {
      const { png, label, bytes, psnr, ssimulacra2 } = chosen[index];
      make(img, { src: `data:image/png;base64,${png}`, alt: `Detail of ${picture}: ${label}` }, []);
      facts.textContent = listed(bytes == null ? null : `${bytes.toLocaleString("en")} bytes`,
        psnr == null ? null : `${num(psnr, 2)} dB`,
        ssimulacra2 == null ? null : `SSIMULACRA2 ${num(ssimulacra2, 1)}`) || "\u00a0"; // a blank keeps the line's height
    });
    range.setAttribute("aria-label", `${picture}: ${chosen[0].label} left of the line, ${chosen[1].label} right of it`);
  };
  for (const side of sides) side.select.addEventListener("change", show);
  range.addEventListener("input", () => stage.style.setProperty("--x", `${range.value}%`));
  show();
  const verdict = gain == null ? rank : `${rank}, ${signed(gain, 2)} dB`;
  return el("figure", {}, el("h3", {}, picture, " ", el("span", {}, verdict)), stage,
    el("figcaption", {}, sides.map((side) => side.caption)));
}

$("about").append(`${plural(summary.codecs.length, "codec")}, ${plural(summary.metrics.length, "metric")}. `);
if (summary.missing.length)
  $("about").append(el("a", { href: "#missing" }, `${plural(summary.missing.length, "result")} missing.`));
$("command").append(summary.command);
// What one has goes first: readers ask what it saves against that, not what that would save against ours.
const isOurs = (name) => summary.codecs.some((codec) => codec.ours && codec.name === name);
const anchors = [...new Set(summary.bd.map((entry) => entry.anchor))].sort((a, b) => isOurs(a) - isOurs(b));
choices($("anchor"), anchors.map((name) => [name, name]));
$("anchor").addEventListener("change", drawBd);
$("bd-section").hidden = !summary.bd.length;
$("gallery").hidden = !gallery.length;
$("shots").append(...gallery.map(shot));
for (const build of [buildChart, drawBd, drawSpeed, drawLr, drawMissing]) build();
document.documentElement.dataset.ready = "1";
