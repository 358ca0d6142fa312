// All keys: who may use the gateway.
import { h, fill } from "../lib/dom.js";
import { all } from "../lib/api.js";
import { icon } from "../lib/icons.js";
import { badge, card, empty, input, meter, select, table, top, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";
import { spent } from "../lib/spent.js";
import { createKey } from "./key-form.js";

const TONES = { active: "good", expired: "warn", revoked: null };

export async function keys(context) {
  const { page, query, signal, change, go } = context;
  const status = query.get("status") ?? "active";
  const [rows, projects] = await Promise.all([all("/keys", { project: query.get("project") }, { signal }), named("projects", { signal, anew: true })]);
  const spending = await spent(rows, "key", { signal });
  const list = h("div");
  const draw = () => {
    const text = (query.get("q") ?? "").toLowerCase();
    const fits = (key) => (status === "all" || key.status === status) && (!text || `${key.name} ${key.id} ${key.hint}`.toLowerCase().includes(text));
    const shown = rows.filter(fits);
    fill(list, shown.length ? listing(shown, projects, spending) : nothing(rows, create));
  };
  const create = () => createKey({
    projects: [...projects.values()], shared: context.shared, project: query.get("project"),
    done: (key) => { named("keys", { anew: true }); go(`/console/keys/${key.id}`); },
  });
  const search = input({ type: "search", placeholder: "Name or id", value: query.get("q") ?? "", "aria-label": "Search keys" });
  search.addEventListener("input", () => {
    query.set("q", search.value);
    const text = query.toString();
    history.replaceState(null, "", `${location.pathname}${text ? `?${text}` : ""}`);
    draw();
  });
  draw();
  fill(
    page,
    top("Keys", {
      under: "Live keys reach your providers. Test keys are answered by the sandbox.",
      actions: [h("button.button.primary", { type: "button", onclick: create }, icon("plus", 14), "Create key")],
    }),
    h(
      "div.filters",
      h("div.search", icon("search", 14), search),
      select([["active", "Active"], ["expired", "Expired"], ["revoked", "Revoked"], ["all", "All"]], status, {
        "aria-label": "Status", onchange: (event) => change({ status: event.target.value === "active" ? null : event.target.value }),
      }),
      select([["", "Every project"], ...[...projects.values()].map((project) => [project.id, project.name])], query.get("project") ?? "", {
        "aria-label": "Project", onchange: (event) => change({ project: event.target.value }),
      }),
    ),
    list,
  );
  if (query.get("new")) {
    query.delete("new");
    history.replaceState(null, "", location.pathname);
    create();
  }
}
keys.title = "Keys";

function nothing(rows, create) {
  return card(null, { bare: true }, rows.length
    ? empty("search", "No key fits", "Change the filters above.")
    : empty("key", "No keys yet", "A key says who may use the gateway: which models, until when, for how much.",
        h("button.button.primary", { type: "button", onclick: create }, "Create key")));
}

function listing(rows, projects, spending) {
  const columns = [
    { name: "Name", cell: (key) => [h("a", { href: `/console/keys/${key.id}` }, key.name), h("div.sub.mono", key.hint)] },
    { name: "Mode", cell: (key) => badge(key.mode, key.mode === "live" ? "accent" : null) },
    { name: "Status", cell: (key) => badge(key.status, TONES[key.status]) },
    { name: "Project", class: "hide-m", cell: (key) => projects.get(key.project)?.name ?? key.project },
    { name: "Spent", class: "num", cell: (key) => spendCell(key, spending.get(key.id)) },
    { name: "Models", class: "hide-m", cell: (key) => (key.allowed_models.length ? h("span.cut.mono", { title: key.allowed_models.join(", ") }, key.allowed_models.join(", ")) : h("span.muted", "all")) },
    { name: "Expires", class: "fix hide-s", cell: (key) => (key.expires_at ? format.ago(key.expires_at) : h("span.muted", "never")) },
    { name: "Created", class: "fix hide-s", cell: (key) => when(key.created_at) },
  ];
  return card(null, { bare: true }, table(columns, rows, { href: (key) => `/console/keys/${key.id}`, label: "Keys" }));
}

export function spendCell(of, text = "0") {
  if (!of.budget) return h("span", { title: `$${text}` }, format.money(text));
  const share = Number(text) / Number(of.budget.limit_usd);
  const words = `${format.money(text)} of ${format.money(of.budget.limit_usd)}`;
  const window = { total: "in all", day: "today" }[of.budget.window] ?? `this ${of.budget.window}`;
  return h("div", { title: `$${text} of $${of.budget.limit_usd} ${window}` }, h("div", words), meter(share, `${words} ${window}`));
}
