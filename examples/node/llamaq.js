// A producer without the SDK: plain Redis, as docs/wire.md has it. Copy this file into your backend.
import { randomUUID } from "node:crypto";
import Redis from "ioredis";

const TERMINAL = new Set(["completed", "failed", "cancelled", "expired"]);
const WIRE_VERSION = 1;

export class Llamaq {
  #away; // why Redis is away; undefined where it answers

  constructor(url = "redis://127.0.0.1:6379/0", prefix = "llamaq") {
    this.prefix = prefix;
    this.redis = this.#watched(new Redis(url));
  }

  // Tells once that Redis is away, and once that it answers again, whichever connection sees it. ioredis connects again by
  // itself, and what was asked for meanwhile waits.
  #watched(redis) {
    redis.on("error", ({ message, code }) => {
      const reason = message || code;
      if (reason !== this.#away) console.error(`redis: ${reason}`);
      this.#away = reason;
    });
    redis.on("ready", () => {
      if (this.#away) console.error("redis: it answers again");
      this.#away = undefined;
    });
    return redis;
  }

  // Queues a job and gives its id. Give the id yourself where a submit may be repeated: the same id is one job.
  async submit(kind, request, id = randomUUID()) {
    await this.redis.xadd(`${this.prefix}:inbox`, "*", "id", id, "kind", kind, "request", JSON.stringify(request));
    return id;
  }

  // Cancels a job, in whatever state, also one that no worker has taken out of the inbox yet.
  async cancel(id, reason = "cancelled by the producer") {
    await this.redis.xadd(`${this.prefix}:inbox`, "*", "cancel", id, "reason", reason);
  }

  // Gives each event behind `cursor` with its own cursor, as it comes, up to the terminal one. Reading on behind the last
  // cursor that you kept, in this process or another, misses nothing and repeats nothing.
  async *follow(id, cursor = "0") {
    const stream = `${this.prefix}:{${id}}:events`;
    const reader = this.#watched(this.redis.duplicate()); // a blocking read would hold up all else on its connection
    try {
      for (;;) {
        // Not for ever: a connection that broke without a word is noticed at the next read.
        const answer = await reader.xread("COUNT", 100, "BLOCK", 20_000, "STREAMS", stream, cursor);
        for (const [entry, fields] of answer?.[0][1] ?? []) {
          cursor = entry;
          const event = JSON.parse(fields[fields.indexOf("event") + 1]);
          if (event.v > WIRE_VERSION) throw new Error(`wire version ${event.v} is newer than this program`);
          yield { cursor, ...event };
          if (TERMINAL.has(event.type)) return;
        }
        if (!answer && (await this.ended(id))) throw new Error(`job ${id} has ended, and there is nothing behind ${cursor}`);
      }
    } finally {
      reader.disconnect();
    }
  }

  // Whether the job has ended. One that is not known has not: it may still be in the inbox.
  async ended(id) {
    return TERMINAL.has(await this.redis.hget(`${this.prefix}:{${id}}`, "state"));
  }

  close() {
    this.redis.disconnect();
  }
}
