// The console's start: who is signed in, which view belongs to the address, the frame around it.
import { h, fill } from "./lib/dom.js";
import { icon } from "./lib/icons.js";
import { ApiError, ask, get, onSignedOut } from "./lib/api.js";
import { failed, say, wait } from "./lib/parts.js";
import { signIn } from "./views/sign-in.js";
import { overview } from "./views/overview.js";
import { keys } from "./views/keys.js";
import { key } from "./views/key.js";
import { projects, project } from "./views/projects.js";
import { requests } from "./views/requests.js";
import { request } from "./views/request.js";
import { providers } from "./views/providers.js";
import { models } from "./views/models.js";
import { prices } from "./views/prices.js";
import { playground } from "./views/playground.js";
import { tasks } from "./views/tasks.js";
import { task } from "./views/task.js";
import { webhook, webhooks } from "./views/webhooks.js";
import { ledger } from "./views/ledger.js";
import { audit } from "./views/audit.js";
import { settings } from "./views/settings.js";

const ROOT = "/console";

const VIEWS = [
  ["", overview],
  ["/keys", keys],
  ["/keys/:id", key],
  ["/projects", projects],
  ["/projects/:id", project],
  ["/requests", requests],
  ["/requests/:id", request],
  ["/tasks", tasks],
  ["/tasks/:id", task],
  ["/playground", playground],
  ["/providers", providers],
  ["/models", models],
  ["/prices", prices],
  ["/ledger", ledger],
  ["/audit", audit],
  ["/webhooks", webhooks],
  ["/webhooks/:id", webhook],
  ["/settings", settings],
];

const NAVIGATION = [
  [null, [["", "Overview", "overview"], ["/requests", "Requests", "list"], ["/tasks", "Video tasks", "film"], ["/playground", "Playground", "chat"]]],
  ["Access", [["/keys", "Keys", "key"], ["/projects", "Projects", "folder"]]],
  ["Routing", [["/providers", "Providers", "server"], ["/models", "Models", "cube"], ["/prices", "Prices", "tag"]]],
  ["Books", [["/ledger", "Ledger", "book"], ["/audit", "Audit log", "shield"]]],
  ["Gateway", [["/webhooks", "Webhooks", "bell"], ["/settings", "Settings", "gear"]]],
];

const app = document.getElementById("app");
let frame = null;
let leaving = null;
/** What all views may know: the session, and what the gateway says of itself. */
const shared = { session: null, settings: null };

function find(path) {
  for (const [pattern, view] of VIEWS) {
    const parts = pattern.split("/");
    const given = path.split("/");
    if (parts.length !== given.length) continue;
    const params = {};
    const fits = parts.every((part, at) => {
      if (!part.startsWith(":")) return part === given[at];
      params[part.slice(1)] = decodeURIComponent(given[at]);
      return given[at] !== "";
    });
    if (fits) return { view, params };
  }
  return null;
}

/** Goes to an address of the console, as a link would. */
export function go(href, { replace = false } = {}) {
  if (replace) history.replaceState(null, "", href);
  else history.pushState(null, "", href);
  show({ focus: !replace });
}

/** Changes the query of the address and shows the view anew. */
function query(change) {
  const next = new URLSearchParams(location.search);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === undefined || value === "") next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString();
  go(`${location.pathname}${text ? `?${text}` : ""}`, { replace: true });
}

function show({ focus = true } = {}) {
  if (!shared.session) return enter();
  leaving?.abort();
  leaving = new AbortController();
  frame ??= makeFrame();
  if (!frame.whole.isConnected) fill(app, frame.whole);
  const path = location.pathname.slice(ROOT.length).replace(/\/$/, "");
  frame.mark(path);
  const found = find(path);
  const page = h("div.page", { tabindex: -1 });
  const context = {
    params: found?.params ?? {}, query: new URLSearchParams(location.search), signal: leaving.signal, page, shared,
    go, change: query, again: () => show({ focus: false }),
    /** Repeats while the view is open and seen. */
    every(seconds, action) {
      const timer = setInterval(() => { if (!document.hidden) action(); }, seconds * 1000);
      leaving.signal.addEventListener("abort", () => clearInterval(timer));
    },
  };
  fill(frame.main, page);
  const view = found?.view ?? nowhere;
  document.title = `${view.title} · tollgate`;
  run(view, context);
  if (focus) {
    page.focus({ preventScroll: true });
    scrollTo(0, 0);
  }
}

async function run(view, context) {
  const waiting = setTimeout(() => { if (!context.page.firstChild) fill(context.page, wait()); }, 150);
  try {
    await view(context);
  } catch (error) {
    if (error.name !== "AbortError" && !context.signal.aborted) {
      // What the gateway says is shown; what a view did wrong is for whoever mends it.
      if (!(error instanceof ApiError)) console.error(error);
      fill(context.page, failed(error, context.again));
    }
  } finally {
    clearTimeout(waiting);
  }
}

function nowhere({ page }) {
  fill(page, h("h1", "There is no such page"), h("p", h("a", { href: ROOT }, "To the overview")));
}
nowhere.title = "Nothing here";

function makeFrame() {
  const items = [];
  const link = ([path, text, sign]) => {
    const item = h("a.item", { href: `${ROOT}${path}` }, icon(sign), text);
    items.push([path, item]);
    return item;
  };
  const groups = NAVIGATION.map(([heading, links]) =>
    h("div.group", heading && h("div.heading", heading), links.map(link)));
  const theme = h("button.button.quiet.icon.small", { type: "button", onclick: () => { turn(); dressTheme(); } });
  const dressTheme = () => {
    const dark = isDark();
    fill(theme, icon(dark ? "sun" : "moon", 15));
    theme.setAttribute("aria-label", dark ? "Light colours" : "Dark colours");
    theme.title = theme.getAttribute("aria-label");
  };
  dressTheme();
  const brand = () => h("a.brand", { href: ROOT }, h("img", { src: document.querySelector("link[rel=icon]").href, alt: "" }), "tollgate");
  const side = h(
    "aside.side",
    { id: "side" },
    brand(),
    h("nav", { "aria-label": "Console" }, groups),
    h(
      "div.foot",
      h("span.who", { title: shared.session.actor }, shared.session.actor),
      h("a.button.quiet.icon.small", { href: "/docs", title: "Reference", "aria-label": "Reference" }, icon("book", 15)),
      theme,
      h("button.button.quiet.icon.small", { type: "button", title: "Sign out", "aria-label": "Sign out", onclick: signOut }, icon("out", 15)),
    ),
  );
  const menu = h("button.button.quiet.icon", { type: "button", "aria-label": "Menu", "aria-expanded": "false", "aria-controls": "side" }, icon("menu"));
  const open = (whether) => {
    side.classList.toggle("open", whether);
    menu.setAttribute("aria-expanded", String(whether));
  };
  menu.addEventListener("click", () => open(!side.classList.contains("open")));
  const main = h("main.main", { id: "main" });
  const whole = h(
    "div",
    h("a.skip", { href: "#main", onclick: (event) => { event.preventDefault(); main.querySelector(".page")?.focus(); } }, "To the content"),
    h("div.bar", brand(), menu),
    h("div.frame", side, main),
  );
  whole.addEventListener("keydown", (event) => { if (event.key === "Escape") open(false); });
  main.addEventListener("click", () => open(false));
  const mark = (path) => {
    open(false);
    const first = `/${path.split("/")[1] ?? ""}`;
    for (const [to, item] of items) {
      if (to === path || (to !== "" && to === first)) item.setAttribute("aria-current", "page");
      else item.removeAttribute("aria-current");
    }
  };
  return { whole, main, mark };
}

const isDark = () =>
  document.documentElement.dataset.theme
    ? document.documentElement.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;

function turn() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem("tollgate-theme", theme);
  } catch {
    // It holds for this page.
  }
}

async function signOut() {
  try {
    await ask("DELETE", "/console/session");
  } catch (error) {
    return say(error.message, "bad");
  }
  leave();
}

/** Back to the sign-in; nothing of what was shown stays. */
function leave() {
  if (!shared.session) return;
  shared.session = null;
  shared.settings = null;
  frame = null;
  leaving?.abort();
  dispatchEvent(new Event("signed-out"));
  document.querySelectorAll("dialog").forEach((box) => box.close());
  enter();
}

function enter() {
  document.title = "Sign in · tollgate";
  fill(app, signIn(async (session) => {
    await start(session);
    show();
  }));
}

async function start(session) {
  shared.session = session;
  const settings = await get("/settings");
  shared.settings = { ...settings, api_base: apiBase(settings.api_base) };
}

/** Where callers reach the data plane, as far as it can be told from here. */
function apiBase(told) {
  if (!told) return location.origin;
  // A listener on every address is reached by the name that this page was reached by.
  return told.replace(/\/\/(0\.0\.0\.0|\[::\])/, `//${location.hostname}`);
}

onSignedOut(leave);
addEventListener("popstate", () => show());
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || link.target) return;
  const url = new URL(link.href);
  if (url.origin !== location.origin || (url.pathname !== ROOT && !url.pathname.startsWith(`${ROOT}/`))) return;
  event.preventDefault();
  go(`${url.pathname}${url.search}`);
});

try {
  const session = await ask("GET", "/console/session");
  if (session.actor) await start(session);
} catch (error) {
  shared.session = null;
  console.error(error);
}
// The page has only just come: the keyboard begins at its beginning.
show({ focus: false });
