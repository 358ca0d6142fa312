// Who changed what.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { badge, card, dialog, empty, say, table, top, when } from "../lib/parts.js";

const PAGE = 100;

export async function audit(context) {
  const { page, signal } = context;
  const list = h("div");
  const more = h("div.row");
  let rows = [];
  let next = null;
  const load = async () => {
    const answer = await get("/audit", { limit: PAGE, after: next }, { signal });
    rows = rows.concat(answer.data);
    next = answer.next;
    fill(list, card(null, { bare: true }, rows.length ? table(COLUMNS, rows, { label: "Audit log" }) : empty("shield", "Nothing yet", "Every write is noted here.")));
    fill(more, next && h("button.button", { type: "button", onclick: () => load().catch((error) => say(error.message, "bad")) }, "Load older"));
  };
  await load();
  fill(page, top("Audit log", { under: "Every change, with who made it and from where. Never a secret." }), list, more);
}
audit.title = "Audit log";

const COLUMNS = [
  { name: "Time", class: "fix", cell: (row) => when(row.at) },
  { name: "Who", cell: (row) => [row.actor, h("div.sub", row.peer ?? "")] },
  { name: "What", cell: (row) => badge(row.action, row.action.endsWith("revoke") ? "bad" : row.action.endsWith("create") ? "good" : null) },
  { name: "Object", cell: object },
  { name: "Changed", class: "hide-s", cell: (row) => h("span.cut", changes(row).map(([name]) => name).join(", ")) },
  { name: "", class: "num", cell: (row) => h("button.button.small", { type: "button", "aria-label": `Details of ${row.action} ${row.object}`, onclick: () => details(row) }, "Details") },
];

function object(row) {
  const kind = row.object.startsWith("key_") ? "keys" : row.object.startsWith("proj_") ? "projects" : row.object.startsWith("whk_") ? "webhooks" : null;
  const name = row.after?.name ?? row.before?.name ?? row.after?.url ?? row.before?.url;
  return [
    kind ? h("a", { href: `/console/${kind}/${row.object}` }, name ?? row.object) : h("span", name ?? row.object),
    name && h("div.sub.mono", row.object),
  ];
}

/** Fields that differ: name, before, after. */
function changes(row) {
  const names = new Set([...Object.keys(row.before ?? {}), ...Object.keys(row.after ?? {})]);
  const text = (value) => (value === undefined ? "" : typeof value === "string" ? value : JSON.stringify(value));
  return [...names]
    .map((name) => [name, text(row.before?.[name]), text(row.after?.[name])])
    .filter(([name, before, after]) => before !== after && !["updated_at"].includes(name));
}

function details(row) {
  dialog(row.action, (close) => ({
    inside: [
      h("p.soft", row.actor, row.peer && ` from ${row.peer}`, ", ", when(row.at)),
      table([
        { name: "Field", cell: ([name]) => h("code", name) },
        { name: "Before", cell: ([, before]) => h("span.mono", before || h("span.muted", "–")) },
        { name: "After", cell: ([, , after]) => h("span.mono", after || h("span.muted", "–")) },
      ], changes(row), { label: "Changes" }),
    ],
    foot: [h("button.button", { type: "button", onclick: close }, "Close")],
  }));
}
