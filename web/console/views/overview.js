// How things are going: spend, requests, tokens, errors, latency; who uses what. Renews itself while it is looked at.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { card, empty, segments, top } from "../lib/parts.js";
import { chart } from "../lib/chart.js";
import * as format from "../lib/format.js";
import { NAMES, label, place, range } from "../lib/range.js";
import { named } from "../lib/names.js";

const RENEW_SECONDS = 8;

const METRICS = {
  requests: ["Requests", (row) => [row.requests - row.errors, row.errors], ["Good", "Failed"], format.count, format.few],
  spend: ["Spend", (row) => [Number(row.cost_usd)], ["Spend"], (value) => format.money(value.toFixed(9)), format.moneyAxis],
  tokens: ["Tokens", (row) => [format.tokens(row).in + format.tokens(row).out], ["Tokens"], format.count, format.few],
};

export async function overview(context) {
  const { page, query, signal, change, every } = context;
  const span = () => range(query.get("range") ?? "24h");
  const book = query.get("book") ?? "live";
  const metric = query.get("show") ?? "requests";
  const pulse = h("span.pulse");
  const fresh = h("span.hint", { role: "status" });
  const body = h("div.stack");

  const draw = async (background) => {
    const now = span();
    const data = await load(now, book, { signal, background });
    if (signal.aborted) return;
    pulse.classList.remove("off");
    fill(fresh, `Live, ${format.time(new Date().toISOString())}`);
    if (data.total.requests === 0 && data.earlier.requests === 0) {
      fill(body, nothing(book, data.other, change));
    } else {
      fill(body, tiles(data), chartCard(data, now, metric, change), timingsCard(data, now), rankings(data));
    }
  };

  await draw(false);
  fill(
    page,
    top("Overview", {
      actions: [
        h("div.row", pulse, fresh),
        segments("Book", [["live", "Live"], ["test", "Test"]], book, (value) => change({ book: value === "live" ? null : value })),
        segments("Time", NAMES.map((name) => [name, name]), query.get("range") ?? "24h", (value) => change({ range: value === "24h" ? null : value })),
      ],
    }),
    body,
  );
  every(RENEW_SECONDS, () => draw(true).catch((error) => {
    if (error.name === "AbortError") return;
    pulse.classList.add("off");
    fill(fresh, "Not live: ", error.message);
  }));
}
overview.title = "Overview";

async function load(span, book, options) {
  const { from, to, before } = span;
  const usage = (query) => get("/usage", { from, to, book, ...query }, options).then((answer) => answer.data);
  const [[total], [earlier], [other], slices, models, keys, projects, timings] = await Promise.all([
    usage(),
    usage({ from: before, to: from }),
    usage({ book: book === "live" ? "test" : "live" }),
    usage({ group_by: span.by }),
    usage({ group_by: "model" }),
    usage({ group_by: "key" }),
    usage({ group_by: "project" }),
    get("/timings", { from, to, book, slices: span.bars.length }, options),
  ]);
  const ids = (rows, name) => rows.map((row) => row[name]);
  const [keyNames, projectNames] = await Promise.all([
    named("keys", { ids: ids(keys, "key"), signal: options.signal }),
    named("projects", { ids: ids(projects, "project"), signal: options.signal }),
  ]);
  return { total, earlier, other, slices, models, keys, projects, timings, keyNames, projectNames };
}

function nothing(book, other, change) {
  const live = book === "live";
  const there = other.requests > 0;
  const action = there
    ? h("button.button.primary", { type: "button", onclick: () => change({ book: live ? "test" : null }) },
        live ? `See ${format.count(other.requests)} test requests` : "See live requests")
    : h("div.row", h("a.button.primary", { href: "/console/keys?new=1" }, icon("plus", 14), "Create a key"),
        h("a.button", { href: "/console/playground" }, "Open the playground"));
  return card(null, { bare: true }, empty(
    "overview",
    live ? "No live requests in this time" : "No test requests in this time",
    live
      ? "Requests with live keys go to your providers and are counted here. Test keys are answered by the built-in sandbox and have a book of their own."
      : "Test keys are answered by the built-in sandbox: no provider, no cost, the same paths.",
    action,
  ));
}

function tile(name, figure, more) {
  return h("div.tile", h("div.name", name), h("div.figure", figure), h("div.more", more));
}

/** How a number differs from the span before. */
function against(now, before) {
  if (!before) return now ? "nothing before" : "";
  const share = (now - before) / before;
  if (Math.abs(share) < 0.005) return "as before";
  const text = Math.abs(share) >= 10 ? `${format.few(Math.round(now / before))}×` : `${Math.abs(share * 100).toFixed(0)}%`;
  return `${share > 0 ? "↑" : "↓"} ${text} against the time before`;
}

function tiles({ total, earlier, timings }) {
  const now = format.tokens(total);
  const all = timings.all;
  return h(
    "section.card.tiles",
    { "aria-label": "Sums" },
    tile("Spend", h("span", { title: `$${total.cost_usd}`, "data-figure": "spend" }, format.money(total.cost_usd)), against(Number(total.cost_usd), Number(earlier.cost_usd))),
    tile("Requests", h("span", { "data-figure": "requests" }, format.count(total.requests)), against(total.requests, earlier.requests)),
    tile("Tokens", h("span", { title: format.count(now.in + now.out), "data-figure": "tokens" }, format.few(now.in + now.out)),
      `${format.few(now.in)} in, ${format.few(now.out)} out`),
    tile("Failed", format.percent(total.errors, total.requests), `${format.count(total.errors)} of ${format.count(total.requests)}`),
    tile("First byte, median", format.ms(all.first_byte_p50_ms), all.requests ? `95% within ${format.ms(all.first_byte_p95_ms)}` : ""),
    tile("Whole request, median", format.ms(all.total_p50_ms), all.requests ? `95% within ${format.ms(all.total_p95_ms)}` : ""),
  );
}

function chartCard({ slices }, span, metric, change) {
  const [name, values, names, show, axis] = METRICS[metric] ?? METRICS.requests;
  const sums = span.bars.map(() => names.map(() => 0));
  for (const row of slices) {
    const bar = sums[place(span, row)];
    if (bar) values(row).forEach((value, at) => { bar[at] += value; });
  }
  const points = sums.map((bar, at) => ({ ...label(span, at), values: bar }));
  const legend = names.length > 1 && h("div.legend", h("span", h("i"), names[0]), h("span", h("i.b"), names[1]));
  return card(
    `${name} over time`,
    { actions: [legend, segments("What", Object.entries(METRICS).map(([key, [text]]) => [key, text]), metric, (value) => change({ show: value === "requests" ? null : value }))] },
    chart(points, { names, show, axis, title: `${name} over time` }),
  );
}

function timingsCard({ timings }, span) {
  const points = timings.data.map((slice, at) => ({
    ...label(span, at), values: [slice.first_byte_p50_ms, slice.first_byte_p95_ms],
  }));
  const note = timings.sampled ? "of the newest requests in this time" : null;
  return card(
    "Time to first byte",
    { actions: [note && h("span.hint", note), h("div.legend", h("span", h("i"), "Median"), h("span", h("i.c"), "95%"))] },
    chart(points, { names: ["Median", "95%"], kind: "lines", show: format.ms, axis: format.ms, height: 150, title: "Time to first byte" }),
  );
}

function rankings({ models, keys, projects, keyNames, projectNames }) {
  const nameOf = (names, id) => names.get(id)?.name ?? id;
  return h(
    "div.grid.three",
    ranking("Models", models, (row) => [row.model, `/console/requests?model=${encodeURIComponent(row.model)}`]),
    ranking("Keys", keys, (row) => [nameOf(keyNames, row.key), `/console/keys/${row.key}`]),
    ranking("Projects", projects, (row) => [nameOf(projectNames, row.project), `/console/projects/${row.project}`]),
  );
}

function ranking(title, rows, linked) {
  const spend = (row) => Number(row.cost_usd);
  const sorted = [...rows].sort((a, b) => spend(b) - spend(a) || b.requests - a.requests).slice(0, 8);
  const most = Math.max(...sorted.map(spend), 1e-12);
  const line = (row) => {
    const [name, href] = linked(row);
    return h(
      "li",
      h("i", { style: { width: `calc((100% - 16px) * ${spend(row) / most})` } }),
      h("a.name", { href, title: name }, name),
      h("span.num.soft", format.few(row.requests)),
      h("span.num", { title: `$${row.cost_usd}` }, format.money(row.cost_usd)),
    );
  };
  return card(title, { bare: true, actions: [h("span.hint", "requests, spend")] },
    sorted.length ? h("ul.ranking", sorted.map(line)) : h("p.wait", "Nothing in this time"));
}
