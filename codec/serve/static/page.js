"use strict";
const $ = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString("en");
let photo = null, address = "", stored = null, turn = 0;

class Refused extends Error {}

async function ask(path, options) {
  let response;
  try { response = await fetch(path, options); } catch { throw new Refused("The service cannot be reached."); }
  if (response.status === 204) return null;
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(body.error?.message ?? `The service answered ${response.status}.`);
  return body;
}

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) data.append(name, value);
  return data;
}

function shown(img, source) {
  return new Promise((resolve, reject) => {
    img.onload = resolve;
    img.onerror = () => reject(new Refused("The picture did not arrive."));
    img.src = source;
  });
}

function hide(...names) {
  for (const name of names) $(`${name}-section`).hidden = true;
}

async function send() {
  const mine = ++turn, current = () => mine === turn;
  hide("small", "full", "bytes");
  $("error").textContent = "";
  $("status").textContent = "Sending and encoding …";
  try {
    const answer = await ask("images", { method: "POST", body: form({ file: photo, quality: $("quality").value }) });
    if (!current()) return;
    stored = answer;
    await showSmall();
    if (!current()) return;
    $("status").textContent = "Restoring the full size …";
    const asked = performance.now();
    await shown($("full"), stored.urls.full);
    if (!current()) return;
    await showFull(performance.now() - asked);
    $("status").textContent = "Looking for a JPEG of equal quality …";
    const bytes = await ask(`images/${stored.id}/comparison`, { method: "POST", body: form({ file: photo }) });
    if (current()) showBytes(bytes);
  } catch (error) {
    if (!current()) return;
    if (!(error instanceof Refused)) throw error;
    $("error").textContent = error.message;
  } finally {
    if (current()) $("status").textContent = "";
  }
}

async function showSmall() {
  await shown($("small"), stored.urls.image);
  const share = Math.round((100 * stored.bytes) / stored.upload_bytes);
  $("small-facts").textContent = `${stored.stored_width} × ${stored.stored_height} pixels, ${number(stored.bytes)} bytes: ` +
    `${share} % of the ${number(stored.upload_bytes)} that were sent`;
  $("warnings").replaceChildren(...stored.warnings.map((text) => make("li", text)));
  $("small-section").hidden = false;
}

async function showFull(milliseconds) {
  $("full").alt = `The restored photo, ${stored.width} × ${stored.height} pixels, after ${Math.round(milliseconds)} ms`;
  $("full-section").hidden = false;
  await showLeft();
}

async function showLeft() {
  const own = $("left").value === "photo";
  try {
    await shown($("before"), own ? address : stored.urls.image);
  } catch {
    $("left").value = "small"; // a format that this browser does not show
    await shown($("before"), stored.urls.image);
  }
  $("before").alt = $("left").value === "photo" ? "Your photo" : "The stored picture, enlarged";
}

function make(name, text, attributes = {}) {
  const element = document.createElement(name);
  element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function row(name, bytes, psnr, kind = "") {
  const line = make("tr", "", kind ? { class: kind } : {});
  line.append(make("th", name, { scope: "row" }), make("td", number(bytes)), make("td", psnr?.toFixed(2) ?? "–"));
  return line;
}

function showBytes(found) {
  const entry = performance.getEntriesByName(new URL(stored.urls.full, location).href).at(-1);
  $("bytes").replaceChildren(
    row("Your photo, as sent", found.upload_bytes),
    row("Stored picture, restored", found.bytes, found.psnr, "ours"),
    row(`JPEG, quality ${found.jpeg_quality}`, found.jpeg_bytes, found.jpeg_psnr),
    ...(entry?.encodedBodySize ? [row("Restored photo, as it came here", entry.encodedBodySize)] : []),
  );
  const change = (100 * (found.bytes - found.jpeg_bytes)) / found.jpeg_bytes;
  const reached = found.psnr == null ? found.jpeg_psnr == null : found.jpeg_psnr == null || found.jpeg_psnr >= found.psnr;
  $("verdict").textContent = reached
    ? `The stored picture has ${Math.abs(change).toFixed(1)} % ${change > 0 ? "more" : "fewer"} bytes than a JPEG that is as close to your photo.`
    : "No JPEG comes as close to your photo as the restored picture; the one shown has quality 100.";
  $("bytes-section").hidden = false;
}

function take(file) {
  if (!file) return;
  photo = file;
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  send();
}

$("form").addEventListener("submit", (event) => event.preventDefault());
$("file").addEventListener("change", () => take($("file").files[0]));
$("quality").addEventListener("input", () => { $("quality-shown").textContent = $("quality").value; });
$("quality").addEventListener("change", () => { if (photo) send(); });
$("line").addEventListener("input", () => $("stage").style.setProperty("--x", `${$("line").value}%`));
$("left").addEventListener("change", showLeft);
$("remove").addEventListener("click", async () => {
  try {
    await ask(`images/${stored.id}`, { method: "DELETE" });
    turn++;
    hide("small", "full", "bytes");
    $("status").textContent = "It was removed from the server.";
  } catch (error) { $("error").textContent = error.message; }
});
for (const kind of ["dragover", "drop", "dragleave"]) {
  document.addEventListener(kind, (event) => {
    event.preventDefault(); // a photo that misses the box must not replace the page
    $("drop").classList.toggle("over", kind === "dragover");
    if (kind === "drop") take(event.dataTransfer.files[0]);
  });
}
document.documentElement.dataset.ready = "1";
