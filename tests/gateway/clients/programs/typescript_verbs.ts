// What a user of the package writes. The compiler checks it in strict mode, and that what is marked is an error.
import { type Job, type JobEvent, Llamaq, LlamaqError, type Schemas } from "llamaq";

const connections = { made: 0 };
const sent: string[] = [];

/** Connections that end after so many bytes of the body: cut, or closed in order. */
function interrupted(bytes: number, how: "cut" | "closed") {
  return async (request: Request): Promise<Response> => {
    const answer = await fetch(request);
    connections.made += 1;
    let left = bytes;
    const short = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        controller.enqueue(chunk.subarray(0, left));
        left -= chunk.length;
        if (left > 0) return;
        if (how === "cut") controller.error(new TypeError("cut"));
        else controller.terminate();
      },
    });
    return new Response(answer.body?.pipeThrough(short) ?? null, answer);
  };
}

async function all(events: AsyncIterable<JobEvent>): Promise<JobEvent[]> {
  const found: JobEvent[] = [];
  for await (const event of events) found.push(event);
  return found;
}

export function verbs(baseUrl: string) {
  const queue = new Llamaq({ baseUrl });
  return {
    submit: (given: { job: Job; wait?: number; idempotencyKey?: string }) => queue.submit(given.job, given),
    status: ({ id }: { id: string }) => queue.status(id),
    result: ({ id }: { id: string }) => queue.result(id),
    cancel: ({ id, reason }: { id: string; reason?: string }) => queue.cancel(id, reason),
    delete: ({ id }: { id: string }) => queue.delete(id),
    events: ({ id, after }: { id: string; after?: string }) => all(queue.events(id, { after })),
    interrupted: async ({ id, bytes, how }: { id: string; bytes: number; how: "cut" | "closed" }) => {
      connections.made = 0;
      const poor = new Llamaq({ baseUrl, fetch: interrupted(bytes, how) });
      return { events: await all(poor.events(id)), connections: connections.made };
    },
    text: async ({ id }: { id: string }) => {
      let text = "";
      for await (const event of queue.events(id)) {
        if (event.type === "started") text = "";
        if (event.type === "delta") text += event.text ?? "";
      }
      return text;
    },
    left: async ({ id }: { id: string }) => {
      const leaving = new AbortController();
      try {
        for await (const event of queue.events(id, { signal: leaving.signal })) {
          if (event.type === "delta") leaving.abort(new Error("enough"));
        }
      } catch (error) {
        return (error as Error).message;
      }
      return "read to its end";
    },
    away: ({ patience }: { patience: number }) => all(new Llamaq({ baseUrl: "http://127.0.0.1:1" }).events("x", { patience })),
    key: async () => {
      const recorded = async (request: Request) => {
        sent.push(request.headers.get("Authorization") ?? "none");
        return fetch(request);
      };
      await new Llamaq({ baseUrl, key: "llq_secret", fetch: recorded }).http.GET("/models");
      return sent.at(-1);
    },
    models: async () => {
      const { data, error } = await queue.http.GET("/models");
      return data ? data.models.map(({ model, loaded }) => ({ model, loaded })) : error;
    },
    failure: async ({ job }: { job: Job }) => {
      try {
        return await queue.submit(job);
      } catch (error) {
        if (!(error instanceof LlamaqError)) throw error;
        const { status, code, message, body, retryAfter } = error;
        return { status, code, message, field: body.field, retryAfter };
      }
    },
  };
}

// The types know a job's kinds, an event's types and what may be null.
export async function checked(queue: Llamaq): Promise<string> {
  const status: Schemas["JobStatus"] = await queue.submit({ kind: "chat", model: "m", messages: [{ role: "user", content: "Hi." }] });
  // @ts-expect-error A kind that there is not.
  await queue.submit({ kind: "chatt", model: "m", messages: [] });
  // @ts-expect-error An option of the wrong type.
  await queue.submit({ kind: "generate", model: "m", prompt: "x", options: { seed: "1" } });
  // @ts-expect-error A host is null until the job has one.
  status.host.trim();
  for await (const event of queue.events(status.id)) {
    if (event.type === "failed") return event.error.code;
    // @ts-expect-error Only a delta has a text.
    event.text?.trim();
  }
  // @ts-expect-error There is no such path.
  await queue.http.GET("/job");
  return status.state;
}
