// The official client `openai` for Node.js. Arguments are those of its methods.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const found = createRequire(process.cwd() + "/").resolve("openai");
const { default: OpenAI } = await import(pathToFileURL(found).href);
const client = new OpenAI({ baseURL: `${process.env.GATEWAY_URL}/v1`, apiKey: "any", maxRetries: 0 });
const methods = {
  chat: (body) => client.chat.completions.create(body),
  completion: (body) => client.completions.create(body),
  embedding: (body) => client.embeddings.create(body),
};

const verbs = {
  create: ({ method, ...body }) => methods[method](body),
  stream: async ({ method, ...body }) => {
    const chunks = [];
    for await (const chunk of await methods[method]({ ...body, stream: true })) chunks.push(chunk);
    return chunks;
  },
  accumulated: (body) => client.chat.completions.stream(body).finalChatCompletion(),
  elsewhere: async ({ url, key, ...body }) => {
    const other = client.withOptions({ baseURL: `${url}/v1`, apiKey: key });
    return (await other.chat.completions.create(body)).choices[0].message.content;
  },
  at: ({ base, ...body }) =>
    client.withOptions({ baseURL: process.env.GATEWAY_URL + base }).chat.completions.create(body),
  leave: async (body) => {
    for await (const chunk of await client.chat.completions.create({ ...body, stream: true })) {
      const text = chunk.choices[0]?.delta?.content;
      if (text) return text; // leaving the loop closes the connection
    }
  },
  models: async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    return names;
  },
  model: ({ name }) => client.models.retrieve(name),
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
