// Prices in force, with their versions, and models that have none.
import { h, fill } from "../lib/dom.js";
import { all } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, dialog, empty, facts, input, select, table, top } from "../lib/parts.js";
import * as format from "../lib/format.js";

const SHOWN = 200;

export async function prices(context) {
  const { page, query, signal } = context;
  const rows = await all("/prices", {}, { signal });
  const kinds = [...new Set(rows.map((row) => row.provider))];
  const unpriced = rows.filter((row) => row.state === "unpriced").length;
  const list = h("div");
  const keep = (name, value) => {
    if (value) query.set(name, value);
    else query.delete(name);
    const text = query.toString();
    history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}`);
    draw();
  };
  const draw = () => {
    const text = (query.get("q") ?? "").toLowerCase();
    const fits = (row) => (!text || row.model.toLowerCase().includes(text))
      && (!query.get("kind") || row.provider === query.get("kind"))
      && (!query.get("state") || row.state === query.get("state") || row.source === query.get("state"));
    const shown = rows.filter(fits);
    fill(list, shown.length ? listing(shown.slice(0, SHOWN), shown.length) : card(null, { bare: true }, empty("search", "No price fits", "Change the filters above.")));
  };
  draw();
  fill(
    page,
    top("Prices", { under: `US dollars for a million tokens, from the catalogue and your file. ${format.count(unpriced)} of ${format.count(rows.length)} models have no price: keys with a budget cannot use those.` }),
    h("div.filters",
      h("div.search", icon("search", 14), input({ type: "search", placeholder: "Model", value: query.get("q") ?? "", "aria-label": "Search prices", oninput: (event) => keep("q", event.target.value) })),
      select([["", "Every kind"], ...kinds.map((kind) => [kind, kind])], query.get("kind") ?? "", { "aria-label": "Kind of provider", onchange: (event) => keep("kind", event.target.value) }),
      select([["", "Priced or not"], ["priced", "Priced"], ["unpriced", "Without a price"], ["config", "Your own"]], query.get("state") ?? "", { "aria-label": "State", onchange: (event) => keep("state", event.target.value) })),
    list,
  );
}
prices.title = "Prices";

/** A rate without the noughts that say nothing. */
const rate = (text) => (text === undefined ? h("span.muted", "–") : `$${text.replace(/(\.\d\d\d*?)0+$/, "$1")}`);

function listing(rows, total) {
  const columns = [
    { name: "Model", cell: (row) => [h("span.mono", row.model), h("div.sub", row.provider)] },
    { name: "Input", class: "num", cell: (row) => rate(row.rates?.input_per_million) },
    { name: "Cached input", class: "num hide-s", cell: (row) => rate(row.rates?.cache_read_per_million) },
    { name: "Output", class: "num", cell: (row) => rate(row.rates?.output_per_million) },
    { name: "More", class: "hide-s", cell: more },
    { name: "Version", class: "hide-m", cell: (row) => (row.version ? h("code.soft", row.version) : badge("no price", "warn")) },
    { name: "", class: "num", cell: (row) => row.state === "priced" && h("button.button.small", { type: "button", "aria-label": `All rates of ${row.model}`, onclick: () => details(row) }, "All rates") },
  ];
  const foot = total > rows.length && h("span.hint", `${rows.length} of ${format.count(total)} shown; search to see the others.`);
  return card(null, { bare: true, foot }, table(columns, rows, { label: "Prices" }));
}

function more(row) {
  const said = [];
  if (row.source === "config") said.push(badge("your own", "accent"));
  if (row.tiers?.length) said.push(badge(`${row.tiers.length} ${row.tiers.length === 1 ? "step" : "steps"}`));
  if (row.other_rates?.length) said.push(badge("other tiers"));
  if (row.rates?.video_per_second) said.push(badge("by the second"));
  if (row.rates?.per_image) said.push(badge("by the image"));
  if (row.rates?.audio_per_minute) said.push(badge("by the minute"));
  return h("div.row", said);
}

function details(row) {
  const rates = (of) => facts(Object.entries(of).flatMap(([name, value]) =>
    typeof value === "object" ? Object.entries(value).map(([size, each]) => [`${format.words(name)}, ${size}`, rate(each)]) : [[format.words(name), rate(value)]]));
  dialog(`${row.provider}/${row.model}`, (close) => ({
    inside: [
      facts([["Version", h("code", row.version)], ["In force from", row.effective_from], ["From", row.source === "config" ? "your configuration" : "the catalogue"]]),
      row.rates && [h("h3", "Rates"), rates(row.rates)],
      (row.tiers ?? []).map((tier) => [h("h3", `Above ${format.count(tier.above_input_tokens)} input tokens`), rates(tier.rates)]),
      (row.other_rates ?? []).map((other) => [
        h("h3", [other.service_tier !== "standard" && `Service tier ${other.service_tier}`, other.above_input_tokens > 0 && `above ${format.count(other.above_input_tokens)} input tokens`,
          ...other.utc_hours.map((hours) => `${hours.from}–${hours.to} UTC`)].filter(Boolean).join(", ")),
        rates(other.rates),
      ]),
    ],
    foot: [h("button.button", { type: "button", onclick: close }, "Close")],
  }));
}
