import createClient, { type Client } from "openapi-fetch";
import { LlamaqError } from "./errors.js";
import { type EventOptions, events, type JobEvent } from "./events.js";
import type { components, paths } from "./schema.js";

export { type EventOptions, type JobEvent, LlamaqError };
/** Every shape of the API by its name. */
export type Schemas = components["schemas"];
/** A request of any kind, told apart by `kind`. */
export type Job = Schemas["Job"];
export type JobStatus = Schemas["JobStatus"];
export type Result = Schemas["Result"];

export interface LlamaqOptions {
  /** Where the gateway listens, such as `https://queue.example:8444`. */
  baseUrl: string;
  /** A key of the gateway; none where it has no file of keys. */
  key?: string | undefined;
  /** Another `fetch`, for a proxy or an authority of one's own. */
  fetch?: ((request: Request) => Promise<Response>) | undefined;
}

/** The jobs API. What has no method here is at `http`, typed: every path, parameter and answer. */
export class Llamaq {
  /** A client of every path. It gives `data` or `error`, and throws where the gateway does not answer. */
  readonly http: Client<paths>;

  constructor({ baseUrl, key, fetch }: LlamaqOptions) {
    const headers = key === undefined ? {} : { Authorization: `Bearer ${key}` };
    this.http = createClient<paths>({ baseUrl, headers, ...(fetch && { fetch }) });
  }

  /**
   * Enqueues a job.
   *
   * @param options `idempotencyKey`: the same one gives the same job, so a request whose answer was lost may be sent again;
   *   `wait`: the answer comes when the job has ended, or after so many seconds, at most 600.
   * @throws {LlamaqError} it was refused, and nothing was queued.
   */
  async submit(
    job: Job,
    options: { idempotencyKey?: string; wait?: number; signal?: AbortSignal } = {},
  ): Promise<JobStatus> {
    const key = options.idempotencyKey === undefined ? {} : { "idempotency-key": options.idempotencyKey };
    const header = { ...key, ...prefer(options.wait) };
    return given(await this.http.POST("/jobs", { body: job, params: { header }, ...signalled(options) }));
  }

  /** How a job is doing; with `result` or `error` where it has ended. */
  async status(id: string): Promise<JobStatus> {
    return given(await this.http.GET("/jobs/{job_id}", { params: { path: { job_id: id } } }));
  }

  /**
   * The result of a job, as soon as there is one.
   *
   * @throws {LlamaqError} the job failed, was cancelled or expired.
   */
  async result(id: string, options: { signal?: AbortSignal } = {}): Promise<Result> {
    for (;;) {
      const params = { path: { job_id: id }, header: prefer(MOST_SECONDS) };
      const answer = await this.http.GET("/jobs/{job_id}/result", { params, ...signalled(options) });
      const found = given(answer);
      if (answer.response.status === 200) return found as Result;
    }
  }

  /** The events of a job up to its end, over any number of connections. See {@link EventOptions}. */
  events(id: string, options?: EventOptions): AsyncGenerator<JobEvent> {
    return events(this.http, id, options);
  }

  /** Ends a job now. */
  async cancel(id: string, reason?: string): Promise<JobStatus> {
    const body = reason === undefined ? {} : { reason };
    return given(await this.http.POST("/jobs/{job_id}/cancel", { params: { path: { job_id: id } }, body }));
  }

  /** Deletes a job, its log and its images; a running one is cancelled first. */
  async delete(id: string): Promise<void> {
    const { error, response } = await this.http.DELETE("/jobs/{job_id}", { params: { path: { job_id: id } } });
    if (!response.ok) throw LlamaqError.of(response, error);
  }
}

const MOST_SECONDS = 60;

function prefer(seconds: number | undefined) {
  return seconds === undefined ? {} : { prefer: `wait=${Math.trunc(seconds)}` };
}

function signalled({ signal }: { signal?: AbortSignal }) {
  return signal === undefined ? {} : { signal };
}

function given<T>({ data, error, response }: { data?: T; error?: unknown; response: Response }): T {
  if (!response.ok || data === undefined) throw LlamaqError.of(response, error);
  return data;
}
