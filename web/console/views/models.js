// Public names of models and where requests for them go.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, empty, input, select, table, top } from "../lib/parts.js";
import * as format from "../lib/format.js";

const SHOWN = 200;

export async function models(context) {
  const { page, query, signal } = context;
  const answer = await get("/models", {}, { signal });
  const rows = answer.data;
  const names = [...new Set(rows.flatMap((row) => row.targets.map((target) => target.provider)))].sort();
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
    const provider = query.get("provider") ?? "";
    const fits = (row) =>
      (!text || row.name.toLowerCase().includes(text)) && (!provider || row.targets.some((target) => target.provider === provider));
    const shown = rows.filter(fits);
    fill(list, shown.length ? listing(shown.slice(0, SHOWN), shown.length) : card(null, { bare: true }, nothing(rows)));
  };
  const search = input({ type: "search", placeholder: "Name", value: query.get("q") ?? "", "aria-label": "Search models", oninput: (event) => keep("q", event.target.value) });
  draw();
  fill(
    page,
    top("Models", { under: "What live keys may ask for. Besides these, provider/model names any model of a provider." }),
    h("div.filters", h("div.search", icon("search", 14), search),
      names.length > 1 && select([["", "Every provider"], ...names.map((name) => [name, name])], query.get("provider") ?? "", { "aria-label": "Provider", onchange: (event) => keep("provider", event.target.value) })),
    list,
  );
}
models.title = "Models";

const nothing = (rows) => (rows.length
  ? empty("search", "No model fits", "Change the filters above.")
  : empty("cube", "No models", "Models appear with the first provider. Test keys may ask for every model of the catalogue.", h("a.button", { href: "/console/providers" }, "Providers")));

const TONES = { ready: null, doubted: "warn", resting: "bad" };

function listing(rows, total) {
  const columns = [
    { name: "Name", cell: (row) => [h("span.mono", row.name), row.configured && h("div.sub", "configured")] },
    { name: "Goes to", cell: (row) => row.targets.map((target) => h("div.row", h("span.mono.soft", `${target.provider}/${target.model}`),
        row.targets.length > 1 && h("span.hint", `priority ${target.priority}, weight ${target.weight}`),
        target.state !== "ready" && badge(target.state, TONES[target.state]), !target.priced && badge("unpriced", "warn"))) },
    { name: "For", class: "hide-m", cell: (row) => row.modes?.join(", ") ?? h("span.muted", "–") },
    { name: "Context", class: "num hide-s", cell: (row) => (row.context_window ? format.few(row.context_window) : h("span.muted", "–")) },
    { name: "Output cap", class: "num hide-m", cell: (row) => (row.max_output_tokens ? format.few(row.max_output_tokens) : h("span.muted", "–")) },
    { name: "Retires", class: "fix hide-s", cell: (row) => (row.retires ? badge(row.retires, new Date(row.retires) < new Date() ? "bad" : "warn") : h("span.muted", "–")) },
  ];
  const foot = total > rows.length && h("span.hint", `${rows.length} of ${format.count(total)} shown; search to see the others.`);
  return card(null, { bare: true, foot }, table(columns, rows, { label: "Models" }));
}
