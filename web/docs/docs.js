// What the reference's pages can do beyond being read: colours, languages, copying, asking for real.

const remembered = (name, value) => {
  try {
    if (value === undefined) return localStorage.getItem(name);
    localStorage.setItem(name, value);
  } catch {
    // It holds for this page.
  }
  return null;
};

// The gateway's own address instead of the usual one.
const USUAL = "http://127.0.0.1:8080";
for (const code of document.querySelectorAll("code")) {
  if (location.origin !== USUAL && code.textContent.includes(USUAL)) code.textContent = code.textContent.replaceAll(USUAL, location.origin);
}

const theme = document.getElementById("theme");
const isDark = () => {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
};
const dress = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
theme.hidden = false;
theme.addEventListener("click", () => {
  document.documentElement.dataset.theme = isDark() ? "light" : "dark";
  remembered("tollgate-theme", document.documentElement.dataset.theme);
  dress();
});
dress();

const menu = document.getElementById("menu");
const nav = document.getElementById("nav");
const narrow = matchMedia("(max-width: 800px)");
const fit = () => { menu.hidden = !narrow.matches; };
narrow.addEventListener("change", fit);
fit();
menu.addEventListener("click", () => menu.setAttribute("aria-expanded", String(nav.classList.toggle("open"))));
nav.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });

for (const box of document.querySelectorAll(".code")) {
  const button = document.createElement("button");
  button.className = "button small copy";
  button.type = "button";
  button.textContent = "Copy";
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(box.querySelector("code").textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(box.querySelector("code"));
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  });
  box.append(button);
}

const language = document.getElementById("language");
if (language) {
  const show = (name) => {
    for (const sample of document.querySelectorAll("[data-sample]")) sample.hidden = sample.dataset.sample !== name;
  };
  const chosen = remembered("tollgate-language");
  if (chosen && [...language.options].some((option) => option.value === chosen)) language.value = chosen;
  show(language.value);
  language.addEventListener("change", () => {
    remembered("tollgate-language", language.value);
    show(language.value);
  });
}

const filter = document.getElementById("filter");
filter?.addEventListener("input", () => {
  const text = filter.value.toLowerCase();
  for (const row of document.querySelectorAll("#models tbody tr")) row.hidden = !row.textContent.toLowerCase().includes(text);
});

for (const form of document.querySelectorAll("form.try")) {
  const body = form.querySelector("textarea");
  const example = form.querySelector("#try-example");
  example?.addEventListener("change", () => { body.value = example.value; });
  const status = form.querySelector("[data-status]");
  const answer = form.querySelector("[data-answer]");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const places = [...form.querySelectorAll("[data-place]")];
    const path = places.reduce((text, input) => text.replace(`{${input.dataset.place}}`, encodeURIComponent(input.value.trim())), form.dataset.path);
    const headers = {};
    const key = form.querySelector("#try-key")?.value.trim();
    if (key) headers.authorization = `Bearer ${key}`;
    if (body) headers["content-type"] = "application/json";
    button.disabled = true;
    answer.hidden = false;
    answer.textContent = "";
    status.textContent = "Asking…";
    const began = performance.now();
    try {
      const reply = await fetch(path.endsWith(":streamGenerateContent") ? `${path}?alt=sse` : path, {
        method: form.dataset.method, headers, credentials: "omit", body: body ? body.value : undefined,
      });
      const tell = () => {
        const cost = reply.headers.get("x-tollgate-cost-usd");
        status.textContent = `${reply.status}, ${Math.round(performance.now() - began)} ms${cost ? `, $${cost}` : ""}`;
      };
      tell();
      const whole = reply.headers.get("content-type")?.includes("json");
      let text = "";
      if (reply.body) {
        const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
          text += piece.value;
          if (!whole) answer.textContent = text;
        }
      }
      answer.textContent = whole ? pretty(text) : text;
      tell();
    } catch (error) {
      status.textContent = "";
      answer.textContent = error.message;
    }
    button.disabled = false;
  });
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
