// The four protocols of a conversation, as the playground speaks them. A conversation is a list of turns:
// `{ role: "user", text, images }`, `{ role: "assistant", text, calls }`, `{ role: "tool", results: [{ call, text }] }`;
// a call is `{ id, name, arguments }`.
//
// Each protocol makes a request of it, and reads an event of the answer into `heard`: its text, thoughts, calls, usage,
// how it ended, what went wrong.

/** What an answer has said so far. */
export const silence = () => ({ text: "", thought: "", calls: [], usage: null, ended: null, error: null });

const parsed = (text) => {
  try {
    return JSON.parse(text || "{}");
  } catch {
    return {};
  }
};

const chat = {
  name: "Chat completions",
  route: "POST /v1/chat/completions",
  request(model, turns, { system, maxTokens, temperature, tools }) {
    const messages = turns.flatMap((turn) => {
      if (turn.role === "tool") return turn.results.map(({ call, text }) => ({ role: "tool", tool_call_id: call.id, content: text }));
      if (turn.role === "assistant") {
        const calls = turn.calls.map((call) => ({ id: call.id, type: "function", function: { name: call.name, arguments: call.arguments } }));
        return [{ role: "assistant", content: turn.text || null, ...(calls.length ? { tool_calls: calls } : {}) }];
      }
      const images = (turn.images ?? []).map((url) => ({ type: "image_url", image_url: { url } }));
      return [{ role: "user", content: images.length ? [{ type: "text", text: turn.text }, ...images] : turn.text }];
    });
    return {
      path: "/v1/chat/completions",
      body: {
        model, stream: true, stream_options: { include_usage: true },
        messages: system ? [{ role: "system", content: system }, ...messages] : messages,
        ...(maxTokens ? { max_completion_tokens: maxTokens } : {}), ...(temperature !== null ? { temperature } : {}),
        ...(tools ? { tools: tools.map((tool) => ({ type: "function", function: tool })) } : {}),
      },
    };
  },
  read(event, heard) {
    const choice = event.choices?.[0];
    const delta = choice?.delta ?? {};
    heard.text += delta.content ?? "";
    heard.thought += delta.reasoning_content ?? "";
    for (const piece of delta.tool_calls ?? []) {
      const call = (heard.calls[piece.index ?? 0] ??= { id: "", name: "", arguments: "" });
      call.id += piece.id ?? "";
      call.name += piece.function?.name ?? "";
      call.arguments += piece.function?.arguments ?? "";
    }
    heard.ended = choice?.finish_reason ?? heard.ended;
    if (event.usage) heard.usage = { in: event.usage.prompt_tokens, out: event.usage.completion_tokens };
    if (event.error) heard.error = event.error;
  },
};

const responses = {
  name: "Responses",
  route: "POST /v1/responses",
  request(model, turns, { system, maxTokens, temperature, tools }) {
    const input = turns.flatMap((turn) => {
      if (turn.role === "tool") return turn.results.map(({ call, text }) => ({ type: "function_call_output", call_id: call.id, output: text }));
      if (turn.role === "assistant") {
        const said = turn.text ? [{ role: "assistant", content: [{ type: "output_text", text: turn.text }] }] : [];
        return [...said, ...turn.calls.map((call) => ({ type: "function_call", call_id: call.id, name: call.name, arguments: call.arguments }))];
      }
      const images = (turn.images ?? []).map((url) => ({ type: "input_image", image_url: url }));
      return [{ role: "user", content: [{ type: "input_text", text: turn.text }, ...images] }];
    });
    return {
      path: "/v1/responses",
      body: {
        model, stream: true, input, store: false, ...(system ? { instructions: system } : {}),
        ...(maxTokens ? { max_output_tokens: maxTokens } : {}), ...(temperature !== null ? { temperature } : {}),
        ...(tools ? { tools: tools.map((tool) => ({ type: "function", ...tool })) } : {}),
      },
    };
  },
  read(event, heard) {
    if (event.type === "response.output_text.delta") heard.text += event.delta;
    if (/^response\.reasoning(_summary)?_text\.delta$/.test(event.type)) heard.thought += event.delta;
    if (event.type === "response.output_item.done" && event.item?.type === "function_call") {
      heard.calls.push({ id: event.item.call_id, name: event.item.name, arguments: event.item.arguments });
    }
    const usage = event.response?.usage;
    if (usage) heard.usage = { in: usage.input_tokens, out: usage.output_tokens };
    if (/^response\.(completed|incomplete)$/.test(event.type)) heard.ended = event.response.status;
    if (event.type === "response.failed") heard.error = event.response.error ?? { message: "The response failed." };
    if (event.type === "error") heard.error = event;
  },
};

const messages = {
  name: "Messages",
  route: "POST /v1/messages",
  request(model, turns, { system, maxTokens, temperature, tools }) {
    const list = turns.map((turn) => {
      if (turn.role === "tool") {
        return { role: "user", content: turn.results.map(({ call, text }) => ({ type: "tool_result", tool_use_id: call.id, content: text })) };
      }
      if (turn.role === "assistant") {
        const said = turn.text ? [{ type: "text", text: turn.text }] : [];
        const calls = turn.calls.map((call) => ({ type: "tool_use", id: call.id, name: call.name, input: parsed(call.arguments) }));
        return { role: "assistant", content: [...said, ...calls] };
      }
      const images = (turn.images ?? []).map((url) => {
        const [, media, data] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
        return { type: "image", source: { type: "base64", media_type: media, data } };
      });
      return { role: "user", content: [...images, { type: "text", text: turn.text }] };
    });
    return {
      path: "/v1/messages",
      body: {
        model, max_tokens: maxTokens || 1024, stream: true, messages: list, ...(system ? { system } : {}),
        ...(temperature !== null ? { temperature } : {}),
        ...(tools ? { tools: tools.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })) } : {}),
      },
    };
  },
  read(event, heard) {
    if (event.type === "message_start") heard.usage = { in: event.message?.usage?.input_tokens ?? 0, out: 0 };
    if (event.type === "content_block_start" && event.content_block?.type === "tool_use") {
      heard.calls.push({ id: event.content_block.id, name: event.content_block.name, arguments: "" });
    }
    if (event.type === "content_block_delta") {
      heard.text += event.delta.text ?? "";
      heard.thought += event.delta.thinking ?? "";
      const call = heard.calls.at(-1);
      if (call) call.arguments += event.delta.partial_json ?? "";
    }
    if (event.type === "message_delta") {
      heard.ended = event.delta?.stop_reason ?? heard.ended;
      heard.usage = { in: event.usage?.input_tokens ?? heard.usage?.in ?? 0, out: event.usage?.output_tokens ?? 0 };
    }
    if (event.type === "error") heard.error = event.error;
  },
};

const gemini = {
  name: "Gemini",
  route: "POST /v1beta/models/{model}:streamGenerateContent",
  request(model, turns, { system, maxTokens, temperature, tools }) {
    const contents = turns.map((turn) => {
      if (turn.role === "tool") {
        return { role: "user", parts: turn.results.map(({ call, text }) => ({ functionResponse: { name: call.name, response: { result: text } } })) };
      }
      if (turn.role === "assistant") {
        const said = turn.text ? [{ text: turn.text }] : [];
        return { role: "model", parts: [...said, ...turn.calls.map((call) => ({ functionCall: { name: call.name, args: parsed(call.arguments) } }))] };
      }
      const images = (turn.images ?? []).map((url) => {
        const [, mimeType, data] = /^data:([^;]+);base64,(.*)$/.exec(url) ?? [];
        return { inlineData: { mimeType, data } };
      });
      return { role: "user", parts: [{ text: turn.text }, ...images] };
    });
    return {
      path: `/v1beta/models/${encodeURIComponent(model)}:streamGenerateContent?alt=sse`,
      body: {
        contents, ...(system ? { systemInstruction: { parts: [{ text: system }] } } : {}),
        generationConfig: { ...(maxTokens ? { maxOutputTokens: maxTokens } : {}), ...(temperature !== null ? { temperature } : {}) },
        ...(tools ? { tools: [{ functionDeclarations: tools }] } : {}),
      },
    };
  },
  read(event, heard) {
    const candidate = event.candidates?.[0];
    for (const part of candidate?.content?.parts ?? []) {
      if (part.thought) heard.thought += part.text ?? "";
      else heard.text += part.text ?? "";
      if (part.functionCall) heard.calls.push({ id: part.functionCall.id ?? part.functionCall.name, name: part.functionCall.name, arguments: JSON.stringify(part.functionCall.args ?? {}) });
    }
    heard.ended = candidate?.finishReason ?? event.promptFeedback?.blockReason ?? heard.ended;
    const usage = event.usageMetadata;
    if (usage) heard.usage = { in: usage.promptTokenCount ?? 0, out: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0) };
    if (event.error) heard.error = event.error;
  },
};

export const PROTOCOLS = { chat, responses, messages, gemini };
