// Server-sent events out of an answer's body.

/** The `data` of each event, as it comes. */
export async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let held = "";
  for (;;) {
    const { done, value } = await reader.read();
    held += value ?? "";
    // A carriage return at the end may be half of a line end.
    const parts = held.split(/\r\n\r\n|\n\n|\r\r(?!$)/);
    held = parts.pop();
    for (const part of parts) {
      const data = dataOf(part);
      if (data !== null) yield data;
    }
    if (done) break;
  }
  const last = dataOf(held);
  if (last !== null) yield last;
}

function dataOf(event) {
  const lines = event.split(/\r\n|\n|\r/).filter((line) => line.startsWith("data:"));
  return lines.length ? lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n") : null;
}
