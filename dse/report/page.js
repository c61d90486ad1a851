"use strict";
// Texts of the study reach the page by textContent alone: none of them is ever read as HTML.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const table = read("designs");
const rows = table.rows.map((row) => Object.fromEntries(table.fields.map((field, at) => [field, row[at]])));
const byTrial = new Map(rows.map((row) => [row.trial, row]));
const views = {};

function element(tag, text) {
  const made = document.createElement(tag);
  made.textContent = text;
  return made;
}

function choose(trial) {
  const row = byTrial.get(trial);
  const panel = document.getElementById("chosen");
  panel.hidden = !row;
  if (!row) return;
  const list = document.createElement("dl");
  for (const [field, label] of table.shown) {
    const entry = document.createElement("div");
    entry.append(element("dt", label), element("dd", row[field] ?? "none"));
    list.append(entry);
  }
  const [before, between, after] = table.command;
  panel.replaceChildren(
    element("strong", `trial ${row.trial}: ${row.design}${row.front ? ", on the front" : ""}`),
    list,
    element("code", before + row.trial + between + row.trial + after),
  );
}

async function draw(id) {
  const spec = read(`spec-${id}`);
  if (id === "fronts") spec.datasets = { ...spec.datasets, designs: rows };
  // A rectangle has no design while it's begun: no bars, of which Vega would warn. 1 is its level of errors.
  const logLevel = 1;
  const actions = { export: true, source: false, compiled: false, editor: false };
  const { view } = await vegaEmbed(`#${id}`, spec, { actions, logLevel, renderer: "canvas", downloadFileName: id });
  views[id] = view;
  if (id !== "fronts") return;
  view.addEventListener("click", (event, item) => {
    const trial = item?.datum?.trial;
    if (trial === undefined) return;
    choose(trial);
    view.signal("chosen", trial).runAsync();
  });
}

for (const block of document.querySelectorAll("script[id^='spec-']")) {
  const id = block.id.slice("spec-".length);
  draw(id).catch((error) => document.getElementById(id).append(element("p", `not drawn: ${error.message}`)));
}
