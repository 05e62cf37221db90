import type { components } from "./schema.js";

type Body = components["schemas"]["ErrorBody"];

/** What the gateway refused, or why a job has no result. */
export class LlamaqError extends Error {
  override readonly name = "LlamaqError";

  /**
   * @param status of HTTP.
   * @param code a word for programs: `queue_full`, `model_not_found`, `job_not_found` and others (docs/http.md).
   * @param body the whole error: `field` and `problems` of a request that is wrong, `retryable` and others of a job.
   * @param retryAfter seconds after which the request may succeed, where the gateway says so.
   */
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
    readonly body: Body,
    readonly retryAfter: number | undefined,
  ) {
    super(message);
  }

  /** The error of an answer. `found` is its parsed body, which a proxy in between may have made. */
  static of(response: Response, found: unknown): LlamaqError {
    const body = isBody(found) ? found.error : { code: "http", message: text(response, found) };
    const seconds = Number(response.headers.get("Retry-After") ?? NaN);
    return new LlamaqError(response.status, body.code, body.message, body, Number.isNaN(seconds) ? undefined : seconds);
  }
}

function isBody(found: unknown): found is { error: Body } {
  const error = (found as { error?: Partial<Body> } | null | undefined)?.error;
  return typeof error?.code === "string" && typeof error.message === "string";
}

function text(response: Response, found: unknown): string {
  const said = typeof found === "string" ? found.trim().slice(0, 200) : "";
  return `${response.status} ${response.statusText}${said && `: ${said}`}`;
}
