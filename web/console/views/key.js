// One key: what it may, what it has spent, what it did last.
import { h, fill } from "../lib/dom.js";
import { get, remove } from "../lib/api.js";
import { badge, card, confirm, empty, facts, say, top, when } from "../lib/parts.js";
import { chart } from "../lib/chart.js";
import * as format from "../lib/format.js";
import { label, place, range } from "../lib/range.js";
import { named } from "../lib/names.js";
import { spent } from "../lib/spent.js";
import { editKey } from "./key-form.js";
import { spendCell } from "./keys.js";
import { requestTable } from "./requests.js";

export async function key(context) {
  const { page, params, signal, again } = context;
  const row = await get(`/keys/${params.id}`, {}, { signal });
  const span = range("30d");
  const [usage, recent, projects, spending] = await Promise.all([
    get("/usage", { from: span.from, to: span.to, group_by: "day", key: row.id, book: row.mode }, { signal }),
    get("/requests", { key: row.id, limit: 10 }, { signal }),
    named("projects", { ids: [row.project], signal }),
    spent([row], "key", { signal }),
  ]);
  const project = projects.get(row.project);
  const revoke = () => confirm(
    "Revoke this key?",
    `Requests with “${row.name}” are refused from now on. Those that are running finish. This cannot be undone.`,
    "Revoke key",
    async () => { await remove(`/keys/${row.id}`); say("The key is revoked."); named("keys", { anew: true }); again(); },
  );
  const open = row.status !== "revoked";
  fill(
    page,
    top(row.name, {
      crumb: { href: "/console/keys", text: "Keys" },
      actions: [
        badge(row.mode, row.mode === "live" ? "accent" : null),
        badge(row.status, { active: "good", expired: "warn" }[row.status]),
        open && h("button.button", { type: "button", onclick: () => editKey(row, () => { named("keys", { anew: true }); again(); }) }, "Edit"),
        open && h("button.button.danger", { type: "button", onclick: revoke }, "Revoke"),
      ],
    }),
    h("div.grid.two", card("What it may", {}, about(row, project)), card("Spend", {}, spendOf(row, spending.get(row.id), usage.data, span))),
    card("Last requests", { bare: true, actions: [h("a", { href: `/console/requests?key=${row.id}` }, "All of them")] },
      recent.data.length ? requestTable(recent.data, { key: false, keys: new Map() }) : empty("list", "Not used yet", "Its requests will be listed here.")),
  );
}
key.title = "Key";

function about(row, project) {
  const number = (n) => (n === null ? h("span.muted", "no limit") : format.count(n));
  const list = (items, none) => (items.length ? items.map((item) => h("div.mono", item)) : h("span.muted", none));
  return facts([
    ["Id", h("code", row.id)],
    ["Secret", h("code", row.hint)],
    ["Project", h("a", { href: `/console/projects/${row.project}` }, project?.name ?? row.project)],
    ["Models", list(row.allowed_models, "all")],
    ["Addresses", list(row.allowed_ips, "all")],
    ["Requests a minute", number(row.limits.requests_per_minute)],
    ["Tokens a minute", number(row.limits.tokens_per_minute)],
    ["Open at a time", number(row.limits.concurrency)],
    ["Expires", row.expires_at ? [when(row.expires_at), ` (${format.ago(row.expires_at)})`] : h("span.muted", "never")],
    ["Created", when(row.created_at)],
    row.revoked_at && ["Revoked", when(row.revoked_at)],
    ...Object.entries(row.metadata).map(([name, value]) => [name, value]),
  ]);
}

const WINDOWS = { total: "in all", day: "today", week: "this week", month: "this month" };

export function spendOf(row, text, usage, span) {
  const sums = span.bars.map(() => 0);
  let total = 0;
  let requests = 0;
  for (const slice of usage) {
    const at = place(span, slice);
    if (at in sums) sums[at] += Number(slice.cost_usd);
    total += Number(slice.cost_usd);
    requests += slice.requests;
  }
  const points = sums.map((sum, at) => ({ ...label(span, at), values: [sum] }));
  const window = row.budget && WINDOWS[row.budget.window];
  return h(
    "div.stack",
    h("div", { "data-figure": "spend" }, spendCell(row, text), row.budget && h("div.hint", `${window}, ${row.budget.mode} budget`)),
    chart(points, { names: ["Spend"], show: (value) => format.money(value.toFixed(9)), axis: format.moneyAxis, height: 150, title: "Spend by day" }),
    h("div.hint", `${format.money(total.toFixed(9))} and ${format.count(requests)} requests in 30 days`),
  );
}
