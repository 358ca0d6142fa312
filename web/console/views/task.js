// One video task: what it made, how it came there, who was told.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { badge, card, copy, empty, facts, note, say, table, top, usd, when } from "../lib/parts.js";
import * as format from "../lib/format.js";
import { named } from "../lib/names.js";
import { MEANINGS, address, isOver, preview, stateBadge, took } from "../lib/tasks.js";
import { messageTable } from "./webhooks.js";

const RENEW_SECONDS = 2;

export async function task(context) {
  const { page, params, signal, every } = context;
  let row = await get(`/tasks/${params.id}`, {}, { signal });
  const [keys, projects] = await Promise.all([named("keys", { ids: [row.key], signal }), named("projects", { ids: [row.project], signal })]);
  const draw = () => fill(
    page,
    top("Video task", {
      crumb: { href: "/console/tasks", text: "Video tasks" },
      under: h("code", row.public_id),
      actions: [stateBadge(row), badge(row.book, row.book === "live" ? "accent" : null), copy(row.public_id, "Copy id")],
    }),
    row.error && note(`${row.error.code}: ${row.error.message}`, "bad"),
    MEANINGS[row.state] && note(MEANINGS[row.state], row.state === "needs_attention" ? "bad" : "warn"),
    h(
      "div.grid.two",
      card("What it made", {}, result(row)),
      card("What it is", {}, about(row, keys, projects)),
    ),
    card("How it came there", { bare: true }, history(row)),
    card("Who was told", { bare: true }, row.messages.length
      ? messageTable(row.messages, { to: true })
      : empty("bell", "Nobody was told", "A webhook hears of every task; a request may name an address of its own.", h("a.button", { href: "/console/webhooks" }, "Webhooks"))),
  );
  draw();
  every(RENEW_SECONDS, async () => {
    const telling = row.messages.some((message) => message.status === "waiting");
    if (isOver(row) && !telling) return;
    try {
      const now = await get(`/tasks/${params.id}`, {}, { signal, background: true });
      // A film that is being looked at is not begun anew.
      if (JSON.stringify(now) === JSON.stringify(row)) return;
      row = now;
      draw();
    } catch (error) {
      if (error.name !== "AbortError") say(error.message, "bad");
    }
  });
}
task.title = "Video task";

function result(row) {
  const films = preview(row);
  if (films.length) {
    return h(
      "div.stack",
      films,
      h("div.row", row.files.filter((file) => file.link).map((file) =>
        h("a.button.small", { href: address(file), download: `${row.public_id}-${file.role}`, target: "_blank" }, `${format.words(file.role)}, ${size(file.bytes)}`))),
      h("p.hint", "Kept until ", when(row.expires_at), "."),
    );
  }
  if (row.deleted_at) return empty("film", "Removed", "Its owner took it away; its files are gone.");
  if (row.archive === "gone") return empty("film", "Gone", "Its files were kept for their time.");
  if (isOver(row)) return empty("film", "Nothing was made", row.error?.message ?? "It ended before there was a video.");
  return empty("film", "Not yet", `It has been under way for ${format.ms(took(row))}.`, h("progress", { "aria-label": "Under way" }));
}

const size = (bytes) => (bytes < 1 << 20 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${(bytes / (1 << 20)).toFixed(1)} MiB`);

function about(row, keys, projects) {
  return facts([
    row.prompt && ["Prompt", h("span.said", row.prompt)],
    ["Model", [row.model, row.upstream_model && row.upstream_model !== row.model && h("span.soft", ` → ${row.upstream_model}`)]],
    ["Provider", row.provider ?? h("span.muted", "none yet")],
    ["Form", row.dialect],
    ["Length", `${row.samples > 1 ? `${row.samples} × ` : ""}${row.seconds} s${row.size ? `, ${row.size}` : ""}`],
    ["Key", h("a", { href: `/console/keys/${row.key}` }, keys.get(row.key)?.name ?? row.key)],
    ["Project", h("a", { href: `/console/projects/${row.project}` }, projects.get(row.project)?.name ?? row.project)],
    ["Made", when(row.created_at)],
    ["Took", isOver(row) ? format.ms(took(row)) : h("span.muted", `${format.ms(took(row))} so far`)],
    ["Cost", row.cost_usd === null ? [usd(row.held_usd), h("span.soft", " held until it is over")] : h("span", { "data-figure": "amount" }, `$${row.cost_usd}`)],
    ["Settlement", row.settlement],
    ["Request", h("a.mono", { href: `/console/requests/${row.request_id}` }, row.request_id)],
    ["Id here", h("code", row.id)],
    row.upstream_id && ["Provider's id", h("code", row.upstream_id)],
    row.external_id && ["Caller's own id", row.external_id],
    row.callback_url && ["Caller is told at", row.callback_url],
  ]);
}

function history(row) {
  const began = new Date(row.created_at).getTime();
  return table([
    { name: "Time", class: "fix", cell: (event) => when(event.at) },
    { name: "After", class: "num", cell: (event) => format.ms(Math.max(0, new Date(event.at).getTime() - began)) },
    { name: "State", cell: (event) => stateBadge(event) },
    { name: "", cell: (event) => h("span.soft", event.note ?? "") },
  ], row.history, { label: "History" });
}
