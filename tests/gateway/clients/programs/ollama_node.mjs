// The official client `ollama` for Node.js. Arguments are those of its methods.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

console.log = console.error; // the client logs there that it reads a text, and stdout is for answers
const found = createRequire(process.cwd() + "/").resolve("ollama");
const { Ollama } = await import(pathToFileURL(found).href);
const client = new Ollama({ host: process.env.GATEWAY_URL });
const weather = {
  type: "function",
  function: {
    name: "weather",
    description: "Give the weather of a city.",
    parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
  },
};
const person = {
  type: "object",
  properties: { name: { type: "string" }, age: { type: "integer" } },
  required: ["name", "age"],
};

const verbs = {
  ask: ({ method, ...body }) => client[method](body),
  stream: async ({ method, ...body }) => {
    const parts = [];
    for await (const part of await client[method]({ ...body, stream: true })) parts.push(part);
    return parts;
  },
  tools: async ({ model, text }) => {
    const messages = [{ role: "user", content: text }];
    const { message } = await client.chat({ model, messages, tools: [weather] });
    messages.push(message);
    for (const call of message.tool_calls) {
      const { name, arguments: given } = call.function;
      messages.push({ role: "tool", tool_name: name, content: `warm in ${given.city}` });
    }
    return (await client.chat({ model, messages, tools: [weather] })).message.content;
  },
  structured: async ({ model, text }) => {
    const answer = await client.chat({ model, messages: [{ role: "user", content: text }], format: person });
    return JSON.parse(answer.message.content);
  },
  at: ({ base, ...body }) => new Ollama({ host: process.env.GATEWAY_URL + base }).chat(body),
  leave: async (body) => {
    const parts = await client.chat({ ...body, stream: true });
    for await (const part of parts) {
      parts.abort();
      return part.message.content;
    }
  },
  impatient: async ({ seconds, ...body }) => {
    const leaving = new Ollama({
      host: process.env.GATEWAY_URL,
      fetch: (url, options) => fetch(url, { ...options, signal: AbortSignal.timeout(seconds * 1000) }),
    });
    try {
      return await leaving.chat(body);
    } catch (error) {
      if (error.name !== "TimeoutError") throw error;
      return "left";
    }
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, arguments: given } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await verbs[verb](given)) ?? null };
  } catch (error) {
    const { status_code: status, message } = error;
    answer = { error: { kind: error.constructor.name, status, message, text: String(error) } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
