// Projects: keys that share a budget and limits.
import { h, fill } from "../lib/dom.js";
import { all, get } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, empty, facts, table, top, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { range } from "../lib/range.js";
import { named } from "../lib/names.js";
import { spent } from "../lib/spent.js";
import { projectForm } from "./key-form.js";
import { spendOf } from "./key.js";
import { spendCell } from "./keys.js";

export async function projects(context) {
  const { page, signal, again } = context;
  const [rows, keys] = await Promise.all([all("/projects", {}, { signal }), named("keys", { signal, anew: true })]);
  const spending = await spent(rows, "project", { signal });
  const of = (project) => [...keys.values()].filter((key) => key.project === project.id && key.status === "active").length;
  const limits = (row) => [
    row.limits.requests_per_minute && `${format.count(row.limits.requests_per_minute)} requests/min`,
    row.limits.tokens_per_minute && `${format.few(row.limits.tokens_per_minute)} tokens/min`,
    row.limits.concurrency && `${row.limits.concurrency} open`,
  ].filter(Boolean).join(", ");
  const columns = [
    { name: "Name", cell: (row) => [h("a", { href: `/console/projects/${row.id}` }, row.name), h("div.sub.mono", row.id)] },
    { name: "Active keys", class: "num", cell: (row) => format.count(of(row)) },
    { name: "Spent", class: "num", cell: (row) => spendCell(row, spending.get(row.id)) },
    { name: "Limits", class: "hide-s", cell: (row) => limits(row) || h("span.muted", "none") },
    { name: "Created", class: "fix hide-s", cell: (row) => when(row.created_at) },
  ];
  fill(
    page,
    top("Projects", {
      under: "Keys of one project share its budget and limits, and see each other's stored objects.",
      actions: [h("button.button.primary", { type: "button", onclick: () => projectForm(null, again) }, icon("plus", 14), "Create project")],
    }),
    card(null, { bare: true }, table(columns, rows, { href: (row) => `/console/projects/${row.id}`, label: "Projects" })),
  );
}
projects.title = "Projects";

export async function project(context) {
  const { page, params, signal, again } = context;
  const row = await get(`/projects/${params.id}`, {}, { signal });
  const span = range("30d");
  const [usage, keys, spending] = await Promise.all([
    get("/usage", { from: span.from, to: span.to, group_by: "day", project: row.id }, { signal }),
    all("/keys", { project: row.id }, { signal }),
    spent([row], "project", { signal }),
  ]);
  const keySpending = await spent(keys, "key", { signal });
  const number = (n) => (n === null ? h("span.muted", "no limit") : format.count(n));
  const columns = [
    { name: "Name", cell: (key) => [h("a", { href: `/console/keys/${key.id}` }, key.name), h("div.sub.mono", key.hint)] },
    { name: "Mode", cell: (key) => badge(key.mode, key.mode === "live" ? "accent" : null) },
    { name: "Status", cell: (key) => badge(key.status, { active: "good", expired: "warn" }[key.status]) },
    { name: "Spent", class: "num", cell: (key) => spendCell(key, keySpending.get(key.id)) },
  ];
  fill(
    page,
    top(row.name, {
      crumb: { href: "/console/projects", text: "Projects" },
      actions: [h("button.button", { type: "button", onclick: () => projectForm(row, () => { named("projects", { anew: true }); again(); }) }, "Edit")],
    }),
    h(
      "div.grid.two",
      card("Over all its keys", {}, facts([
        ["Id", h("code", row.id)],
        ["Requests a minute", number(row.limits.requests_per_minute)],
        ["Tokens a minute", number(row.limits.tokens_per_minute)],
        ["Open at a time", number(row.limits.concurrency)],
        ["Created", when(row.created_at)],
        ...Object.entries(row.metadata).map(([name, value]) => [name, value]),
      ])),
      card("Live spend", {}, spendOf(row, spending.get(row.id), usage.data, span)),
    ),
    card("Keys", { bare: true, actions: [h("a.button.small", { href: `/console/keys?new=1&project=${row.id}` }, icon("plus", 13), "Create key")] },
      keys.length
        ? table(columns, keys, { href: (key) => `/console/keys/${key.id}`, label: "Keys of this project" })
        : empty("key", "No keys", "Keys of this project will be listed here.")),
  );
}
project.title = "Project";
