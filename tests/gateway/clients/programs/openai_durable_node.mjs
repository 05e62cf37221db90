// Responses, files and batches by the official client `openai` for Node.js.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(process.cwd() + "/").resolve("openai");
const { default: OpenAI, toFile } = await import(pathToFileURL(found).href);
const client = new OpenAI({ baseURL: `${process.env.GATEWAY_URL}/v1`, apiKey: "any", maxRetries: 0 });

function called(method, names, body) {
  const path = method.replace("input_items", "inputItems").split(".");
  const owner = path.slice(0, -1).reduce((object, name) => object[name], client);
  return owner[path.at(-1)](...names, body);
}

const verbs = {
  ask: ({ method, names, body }) => called(method, names, body),
  listed: async ({ method, names, body }) => {
    const entries = [];
    for await (const entry of await called(method, names, body)) entries.push(entry);
    return entries;
  },
  text: async (body) => (await client.responses.create(body)).output_text,
  accumulated: async (body) => {
    const events = client.responses.stream(body);
    const snapshots = [];
    events.on("response.output_text.delta", (event) => snapshots.push(event.snapshot));
    return { text: (await events.finalResponse()).output_text, snapshots };
  },
  upload: async ({ content }) =>
    (await client.files.create({ file: await toFile(Buffer.from(content), "in.jsonl"), purpose: "batch" })).id,
  content: async ({ name }) => (await client.files.content(name)).text(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, arguments: given } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await verbs[verb](given)) ?? null };
  } catch (error) {
    const { status, code, param, message } = error;
    answer = { error: { kind: error.constructor.name, status, code, param, message, text: String(error) } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
