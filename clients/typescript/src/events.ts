import { EventSourceParserStream } from "eventsource-parser/stream";
import type { Client } from "openapi-fetch";
import { LlamaqError } from "./errors.js";
import type { components, paths } from "./schema.js";

/** An event of a job, with its cursor. A `queued` event without one tells the current place, and is in no log. */
export type JobEvent = components["schemas"]["Event"] & { readonly cursor?: string };

export interface EventOptions {
  /** The cursor of the last event that was read; without it, the events begin with the first. */
  after?: string | undefined;
  /** Ends the reading, by throwing its reason. The job goes on. */
  signal?: AbortSignal | undefined;
  /** For how many seconds a gateway that does not answer is tried again; by default 120. */
  patience?: number | undefined;
}

const ENDS: ReadonlySet<string> = new Set(["completed", "failed", "cancelled", "expired"]);
/** The gateway writes a comment after 10 s of silence, so a connection that is silent for longer is dead. */
const SILENCE_MS = 35_000;
const PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 5_000;

/**
 * The events of a job up to its end, each once and in order. A connection that is cut is made again, behind the last event
 * that was read, and so is one that a gateway closes because it stops.
 *
 * @throws {LlamaqError} the job is not there (`job_not_found`), the cursor is too old (`cursor_expired`), the key is wrong.
 * @throws {TypeError} the gateway did not answer for `patience` seconds.
 */
export async function* events(client: Client<paths>, id: string, options: EventOptions = {}): AsyncGenerator<JobEvent> {
  const { signal, patience = 120 } = options;
  let cursor = options.after;
  let pause = PAUSE_MS;
  let answered = Date.now();
  for (;;) {
    const silence = new Silence(signal);
    try {
      const body = await opened(client, id, cursor, silence.signal);
      if (body === undefined) return;
      for await (const { id: next, data } of body.pipeThrough(silence.watched()).pipeThrough(frames())) {
        pause = PAUSE_MS;
        const event = JSON.parse(data) as JobEvent;
        if (next !== undefined) cursor = next;
        yield next === undefined ? event : { ...event, cursor: next };
        if (ENDS.has(event.type)) return;
      }
    } catch (error) {
      signal?.throwIfAborted();
      answered = Math.max(answered, silence.heardAt);
      const late = Date.now() - answered > patience * 1000;
      if (late || (error instanceof LlamaqError && !passes(error))) throw error;
      if (error instanceof LlamaqError && error.retryAfter) pause = Math.max(pause, error.retryAfter * 1000);
    } finally {
      silence.end();
    }
    await sleep(pause, signal);
    pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
  }
}

async function opened(client: Client<paths>, id: string, cursor: string | undefined, signal: AbortSignal) {
  const { data, error, response } = await client.GET("/jobs/{job_id}/events", {
    params: { path: { job_id: id }, header: cursor === undefined ? {} : { "last-event-id": cursor } },
    headers: { Accept: "text/event-stream" },
    parseAs: "stream",
    signal,
  });
  if (!response.ok) throw LlamaqError.of(response, error);
  // 204: the event behind which it would go on was the last.
  return response.status === 204 ? undefined : (data as ReadableStream<Uint8Array<ArrayBuffer>> | null | undefined) ?? undefined;
}

function frames() {
  const decoder = new TextDecoderStream();
  return { writable: decoder.writable, readable: decoder.readable.pipeThrough(new EventSourceParserStream()) };
}

/** Whether it passes by itself: the gateway or its Redis is away, or there were too many requests. */
function passes(error: LlamaqError): boolean {
  return error.status === 429 || (error.status >= 502 && error.status <= 504);
}

/** Aborts a connection of which nothing has come for long, and with the signal of the caller. */
class Silence {
  readonly signal: AbortSignal;
  /** When something has come last, in Unix milliseconds; 0 where nothing has. */
  heardAt = 0;
  readonly #own = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(outer: AbortSignal | undefined) {
    this.signal = outer ? AbortSignal.any([outer, this.#own.signal]) : this.#own.signal;
    this.#start();
  }

  watched(): TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
    return new TransformStream({
      transform: (chunk, controller) => {
        this.heardAt = Date.now();
        this.#start();
        controller.enqueue(chunk);
      },
    });
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#own.abort();
  }

  #start(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#own.abort(new TypeError("the gateway is silent")), SILENCE_MS);
  }
}

async function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise<void>((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
  signal?.throwIfAborted();
}
