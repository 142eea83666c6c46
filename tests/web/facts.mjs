// What web/ makes of files: a list of base64 on standard input, a list of facts on standard output.
import { digestOf, findHeader, recognisedHeader } from "../../web/header.js";
import { characters, readJpeg } from "../../web/jpeg.js";
import { condition } from "../../web/tables.js";

let text = "";
for await (const piece of process.stdin) text += piece;
const { files, known } = JSON.parse(text);

function factsOf(bytes) {
  const jpeg = readJpeg(bytes);
  if (!jpeg) return null;
  const { width, height, components, tables, comment, orientation } = jpeg;
  const facts = { width, height, components, tables, comment, orientation, digest: digestOf(jpeg) };
  facts.condition = condition(tables[0]);
  facts.icc = jpeg.icc && btoa(characters(jpeg.icc));
  facts.bare = btoa(characters(jpeg.bare));
  try {
    facts.header = findHeader(jpeg) ?? recognisedHeader(jpeg, known);
  } catch (error) {
    facts.trouble = error.message;
  }
  return facts;
}

const facts = files.map((file) => {
  try {
    return factsOf(Uint8Array.from(atob(file), (char) => char.charCodeAt(0)));
  } catch (error) {
    return { trouble: `${error.constructor.name}: ${error.message}` };
  }
});
console.log(JSON.stringify(facts));
