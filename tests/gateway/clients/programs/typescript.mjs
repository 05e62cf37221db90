// The package of clients/typescript, installed as its users have it. Verbs are those of typescript_verbs.ts.
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const { verbs } = await import(pathToFileURL(process.cwd() + "/typescript_verbs.js").href);
const served = verbs(process.env.GATEWAY_URL);

for await (const line of createInterface({ input: process.stdin })) {
  const { verb, arguments: given } = JSON.parse(line);
  let answer;
  try {
    answer = { result: (await served[verb](given)) ?? null };
  } catch (error) {
    const { status, code, message } = error;
    answer = { error: { kind: error.constructor.name, status, code, message, text: String(error) } };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
}
