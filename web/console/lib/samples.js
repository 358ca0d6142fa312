// Command lines and programs that make a request, ready to paste.

/** A request to a route by its endpoint name, with a body that works. */
export function bodyFor(endpoint, model, stream) {
  const said = "Say hello in one sentence.";
  const streamed = stream ? { stream: true } : {};
  if (endpoint.endsWith("/embeddings")) return { model, input: "Hello" };
  if (endpoint.endsWith("/responses")) return { model, ...streamed, input: said };
  if (endpoint.endsWith("/messages")) return { model, max_tokens: 256, ...streamed, messages: [{ role: "user", content: said }] };
  if (endpoint.includes("enerateContent")) return { contents: [{ role: "user", parts: [{ text: said }] }] };
  if (endpoint.endsWith("/videos")) return { model, prompt: "A paper boat on a quiet lake at dawn" };
  return { model, ...streamed, messages: [{ role: "user", content: said }] };
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

export function curl(base, endpoint, body, key = "$TOLLGATE_KEY") {
  const secret = key.startsWith("$") ? `"Authorization: Bearer ${key}"` : quoted(`Authorization: Bearer ${key}`);
  if (endpoint.startsWith("/v1/audio/")) {
    return `curl ${base}${endpoint} \\\n  -H ${secret} \\\n  -F file=@speech.wav -F model=${body.model}`;
  }
  const stream = body.stream ? " -N" : "";
  return `curl${stream} ${base}${endpoint} \\\n  -H ${secret} \\\n  -H 'Content-Type: application/json' \\\n  -d ${quoted(JSON.stringify(body, null, 2))}`;
}

export function python(base, endpoint, body, key) {
  const secret = key ? JSON.stringify(key) : 'os.environ["TOLLGATE_KEY"]';
  const start = `import os\nfrom openai import OpenAI\n\nclient = OpenAI(base_url="${base}/v1", api_key=${secret})\n`;
  const value = (json) => JSON.stringify(json).replace(/\btrue\b/g, "True").replace(/\bfalse\b/g, "False").replace(/\bnull\b/g, "None");
  const named = Object.entries(body).map(([name, what]) => `    ${name}=${value(what)},\n`).join("");
  if (endpoint === "/v1/embeddings") {
    return `${start}answer = client.embeddings.create(\n${named})\nprint(len(answer.data[0].embedding))\n`;
  }
  if (endpoint.startsWith("/v1/audio/")) {
    const kind = endpoint.split("/").pop();
    return `${start}with open("speech.wav", "rb") as file:\n    answer = client.audio.${kind}.create(model=${JSON.stringify(body.model)}, file=file)\nprint(answer.text)\n`;
  }
  if (endpoint === "/v1/chat/completions") {
    const end = body.stream
      ? 'for chunk in answer:\n    if chunk.choices:\n        print(chunk.choices[0].delta.content or "", end="", flush=True)\nprint()\n'
      : "print(answer.choices[0].message.content)\n";
    return `${start}answer = client.chat.completions.create(\n${named})\n${end}`;
  }
  return `import json, os, urllib.request\n\nrequest = urllib.request.Request(\n    "${base}${endpoint}",\n    data=json.dumps(${value(body)}).encode(),\n    headers={"Authorization": "Bearer " + ${secret}, "Content-Type": "application/json"},\n)\nprint(urllib.request.urlopen(request).read().decode())\n`;
}

export function node(base, endpoint, body, key) {
  const secret = key ? JSON.stringify(key) : "process.env.TOLLGATE_KEY";
  if (endpoint.startsWith("/v1/audio/")) {
    return `import { readFile } from "node:fs/promises";\n\nconst form = new FormData();\nform.append("model", ${JSON.stringify(body.model)});\nform.append("file", new Blob([await readFile("speech.wav")]), "speech.wav");\nconst answer = await fetch("${base}${endpoint}", {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${${secret}}\` },\n  body: form,\n});\nconsole.log(await answer.text());\n`;
  }
  return `const answer = await fetch("${base}${endpoint}", {\n  method: "POST",\n  headers: { Authorization: \`Bearer \${${secret}}\`, "Content-Type": "application/json" },\n  body: JSON.stringify(${JSON.stringify(body)}),\n});\nconsole.log(await answer.text());\n`;
}

/** All three, for tabs. */
export function samples(base, endpoint, body, key) {
  return [
    ["curl", curl(base, endpoint, body, key)],
    ["Python", python(base, endpoint, body, key)],
    ["Node", node(base, endpoint, body, key)],
  ];
}
