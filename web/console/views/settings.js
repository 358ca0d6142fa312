// What is in force. It is changed in the file and the environment, not here.
import { h, fill } from "../lib/dom.js";
import { get } from "../lib/api.js";
import { card, facts, table, top, when } from "../lib/parts.js";
import * as format from "../lib/format.js";

const bytes = (n) => (n % (1 << 20) === 0 ? `${n / (1 << 20)} MiB` : `${format.count(n)} bytes`);
const none = (text) => h("span.muted", text);

export async function settings({ page, signal }) {
  const now = await get("/settings", {}, { signal });
  const { server, storage } = now;
  const span = (name) => format.ms(server[`${name}_ms`]);
  fill(
    page,
    top("Settings", { under: "In force now, without secrets. They come from the file and the environment and are changed there." }),
    h(
      "div.grid.two",
      card("This gateway", {}, facts([
        ["Version", now.version],
        ["Started", [when(now.started_at), ` (${format.ago(now.started_at)})`]],
        ["Configuration file", now.file ? h("code", now.file) : none("none")],
        ["Data dir", h("code", now.data_dir)],
        ["Listens on", h("code", now.listen)],
        ["Admin listener", now.admin_listen ? h("code", now.admin_listen) : none("the same")],
        ["TLS", now.tls ? "yes" : "no"],
        ["Workers", server.workers || "one for each core"],
      ])),
      card("Storage", {}, facts([
        ["Bodies kept", storage.bodies],
        ["Durability", storage.durability === "strict" ? "strict: on disk before anything is sent" : "group: on disk some milliseconds later"],
        ["Request log", storage.log_days ? `${storage.log_days} days` : "for ever"],
      ])),
      card("Limits of the door", {}, facts([
        ["JSON body", bytes(server.body_limit)],
        ["Upload", bytes(server.upload_limit)],
        ["Connections", format.count(server.max_connections)],
        ["Request head within", span("header_timeout")],
        ["Silence inside a body", span("body_timeout")],
        ["Kept alive for", span("keep_alive")],
        ["Answer unread for", span("send_timeout")],
        ["Drain at the end", span("drain")],
      ])),
      card("Sandbox time-outs", {}, facts(Object.entries(now.sandbox_timeouts_ms).map(([name, value]) => [format.words(name), format.ms(value)]))),
    ),
    now.providers.length > 0 && card("Providers", { bare: true }, table([
      { name: "Name", cell: (one) => [h("span.mono", one.name), h("div.sub", one.kind)] },
      { name: "Address", class: "hide-s", cell: (one) => h("code", one.base_url) },
      { name: "Accounts", class: "num", cell: (one) => one.credentials },
      { name: "HTTP", cell: (one) => one.http },
      { name: "When a caller leaves", class: "hide-m", cell: (one) => one.on_disconnect },
      { name: "First byte", class: "num hide-s", cell: (one) => format.ms(one.timeouts_ms.first_byte) },
      { name: "Idle", class: "num hide-s", cell: (one) => format.ms(one.timeouts_ms.idle) },
      { name: "Total", class: "num hide-s", cell: (one) => format.ms(one.timeouts_ms.total) },
    ], now.providers, { label: "Providers" })),
    now.models.length > 0 && card("Configured models", { bare: true }, table([
      { name: "Name", cell: (one) => h("span.mono", one.name) },
      { name: "Targets", cell: (one) => one.targets.map((target) => h("div.row", h("span.mono", `${target.provider}/${target.model}`), h("span.hint", `priority ${target.priority}, weight ${target.weight}`))) },
    ], now.models, { label: "Configured models" })),
  );
}
settings.title = "Settings";
