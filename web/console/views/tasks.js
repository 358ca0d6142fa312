// Video tasks: where each stands. One page is one query; filters are in the address.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { card, empty, input, say, select, table, top, usd, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";
import { STATES, isOver, stateBadge, took } from "../lib/tasks.js";

const PAGE = 100;
/** Rows that one view holds; after that a filter serves better than scrolling. */
const MOST = 2000;
const RENEW_SECONDS = 3;
const FILTERS = ["book", "state", "model", "provider", "project", "key"];

export async function tasks(context) {
  const { page, query, signal, every } = context;
  const wanted = Object.fromEntries(FILTERS.map((name) => [name, query.get(name)]).filter(([, value]) => value));
  let rows = [];
  let next = null;
  const list = h("div");
  const more = h("div.row");

  const draw = async () => {
    const keys = await named("keys", { ids: rows.map((row) => row.key), signal });
    fill(list, card(null, { bare: true }, rows.length ? taskTable(rows, keys) : none(wanted)));
    fill(more,
      next && rows.length < MOST && h("button.button", { type: "button", onclick: older }, "Load older"),
      rows.length >= MOST && h("span.hint", `These are the newest ${format.count(rows.length)}. Narrow the filters to see older ones.`));
  };
  const older = async (event) => {
    event.currentTarget.disabled = true;
    try {
      const answer = await get("/tasks", { ...wanted, limit: PAGE, after: next }, { signal });
      rows = rows.concat(answer.data);
      next = answer.next;
      await draw();
    } catch (error) {
      if (error.name !== "AbortError") say(error.message, "bad");
    }
  };
  // What is new, and what has changed of the newest. Older rows that are under way are seen anew when the view is.
  const renew = async () => {
    const answer = await get("/tasks", { ...wanted, limit: PAGE }, { signal, background: true });
    const fresh = new Map(answer.data.map((row) => [row.id, row]));
    const kept = rows.filter((row) => !fresh.has(row.id));
    const changed = JSON.stringify(answer.data) !== JSON.stringify(rows.slice(0, answer.data.length));
    if (!changed) return;
    if (rows.length <= PAGE) [rows, next] = [answer.data, answer.next];
    else rows = answer.data.concat(kept).slice(0, MOST);
    await draw();
  };

  ({ data: rows, next } = await get("/tasks", { ...wanted, limit: PAGE }, { signal }));
  await draw();
  fill(
    page,
    top("Video tasks", {
      under: "Each is made once at a provider, looked after until it is over, and settled once.",
      actions: [h("a.button.primary", { href: "/console/playground?make=video" }, icon("film", 14), "Make a video")],
    }),
    filters(context, await named("keys", { signal })),
    list,
    more,
  );
  every(RENEW_SECONDS, () => renew().catch((error) => { if (error.name !== "AbortError") say(error.message, "bad"); }));
}
tasks.title = "Video tasks";

function none(wanted) {
  return Object.keys(wanted).length
    ? empty("search", "No task fits", "Change the filters, or take them away.", h("a.button", { href: "/console/tasks" }, "Take the filters away"))
    : empty("film", "No video tasks yet", "Make one with a key, or in the playground: the sandbox costs nothing.",
        h("a.button.primary", { href: "/console/playground?make=video" }, "Make a video"));
}

function filters({ query, change }, keys) {
  const choice = (name, label, pairs) =>
    select([["", label], ...pairs], query.get(name) ?? "", { "aria-label": label, onchange: (event) => change({ [name]: event.target.value }) });
  const text = (name, placeholder) =>
    input({ type: "search", placeholder, value: query.get(name) ?? "", "aria-label": placeholder, onchange: (event) => change({ [name]: event.target.value.trim() }) });
  return h(
    "div.filters",
    choice("book", "Live and test", [["live", "Live"], ["test", "Test"]]),
    choice("state", "Any state", STATES.map((name) => [name, format.words(name)])),
    choice("key", "Any key", [...keys.values()].slice(0, 500).map((key) => [key.id, key.name])),
    text("model", "Model"),
    text("provider", "Provider"),
    FILTERS.some((name) => query.get(name)) && h("a.button.quiet", { href: "/console/tasks" }, icon("close", 13), "Clear"),
  );
}

function taskTable(rows, keys) {
  const columns = [
    { name: "Time", class: "fix", cell: (row) => h("a", { href: `/console/tasks/${row.id}` }, when(row.created_at)) },
    { name: "State", cell: stateBadge },
    { name: "Model", cell: (row) => [h("span.cut", { title: row.model }, row.model), h("div.sub", row.provider ?? "")] },
    { name: "Key", class: "hide-m", cell: (row) => [h("span.cut", keys.get(row.key)?.name ?? row.key), row.book === "test" && h("div.sub", "test")] },
    { name: "Form", class: "hide-m", cell: (row) => h("span.soft", row.dialect) },
    { name: "Length", class: "num hide-s", cell: (row) => (row.samples > 1 ? `${row.samples} × ${row.seconds} s` : `${row.seconds} s`) },
    { name: "Took", class: "num hide-s", cell: (row) => h("span", { class: isOver(row) ? null : "muted" }, format.ms(took(row))) },
    { name: "Cost", class: "num", cell: (row) => (row.cost_usd === null ? h("span.muted", { title: `$${row.held_usd} is held` }, "held") : usd(row.cost_usd)) },
  ];
  return table(columns, rows, { href: (row) => `/console/tasks/${row.id}`, label: "Video tasks" });
}
