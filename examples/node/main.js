// npm install                           once
// node main.js submit MODEL PROMPT       prints the job's id
// node main.js follow ID [CURSOR]        prints `<cursor> <type> <text>` for each event behind the cursor, and waits for a job
//                                        that is not known yet
// node main.js cancel ID [REASON]
import { Llamaq } from "./llamaq.js";

const [command, ...words] = process.argv.slice(2);
const llamaq = new Llamaq(process.env.LLAMAQ_REDIS_URL, process.env.LLAMAQ_PREFIX);

const USAGE = `node main.js submit MODEL PROMPT
node main.js follow ID [CURSOR]
node main.js cancel ID [REASON]
LLAMAQ_REDIS_URL and LLAMAQ_PREFIX say where.`;
const WORDS = { submit: 2, follow: 1, cancel: 1 };

const commands = {
  async submit(model, prompt) {
    console.log(await llamaq.submit("generate", { model, prompt }));
  },

  async follow(id, cursor) {
    for await (const event of llamaq.follow(id, cursor)) {
      // The first token of an attempt above 1 voids what the attempts before it said: show it anew.
      const said = event.text ?? event.result?.text ?? event.error?.message ?? event.reason ?? "";
      console.log(`${event.cursor} ${event.type} ${JSON.stringify(said)}`);
    }
  },

  async cancel(id, reason) {
    await llamaq.cancel(id, reason);
  },
};

try {
  if (!(words.length >= WORDS[command])) throw new Error(USAGE);
  await commands[command](...words);
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
} finally {
  llamaq.close();
}
