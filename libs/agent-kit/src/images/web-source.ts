import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { ProblemError } from '@polyvirt/contracts';
import { SourceInterrupted, type ImageSource, type OpenSource } from '@polyvirt/hypervisor';
import type { ReachableAddresses } from './reachable-addresses.ts';

const mostRedirections = 5;
/** A server that is silent for so long sends nothing more. */
const usualSilenceMs = 60_000;
const pointer = '/url';

export interface WebSourceOptions {
  readonly addresses: ReachableAddresses;
  readonly sha256?: string | undefined;
  readonly silenceMs?: number | undefined;
  /** Sent to the server itself, and nowhere else that it leads to. */
  readonly headers?: Readonly<Record<string, string>>;
  /** What it is called; its address without the query when absent. */
  readonly label?: string;
  /** What to do about a server that does not give it. */
  readonly advice?: string;
}

/** A file that is fetched by HTTP or HTTPS, from an address that may be reached, as is each that a redirection leads to. */
export class WebSource implements ImageSource {
  readonly label: string;
  readonly sha256: string | undefined;
  readonly #url: URL;
  readonly #options: WebSourceOptions;

  /** Throws `invalid-input` for a place that nothing is fetched from. */
  constructor(url: string, options: WebSourceOptions) {
    this.#url = new URL(url);
    this.#options = options;
    this.sha256 = options.sha256;
    // A query may hold a signature, which is as good as a password.
    this.label = options.label ?? nameOf(this.#url);
    this.#require(this.#url);
  }

  async open(signal: AbortSignal, from?: { readonly offset: number; readonly tag: string }): Promise<OpenSource> {
    const range = from && { range: `bytes=${from.offset}-`, 'if-range': from.tag };
    const response = await this.#follow(this.#url, { ...range }, signal);
    try {
      return opened(response, from?.offset ?? 0, this.label);
    } catch (error) {
      response.destroy();
      throw error;
    }
  }

  async #follow(start: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    for (let [url, count] = [start, 0]; ; count += 1) {
      this.#require(url);
      const own = url.origin === start.origin ? this.#options.headers : {};
      const response = await this.#ask(url, { ...headers, ...own }, signal);
      const { statusCode = 0, headers: answered } = response;
      if (statusCode === 200 || statusCode === 206) return response;
      response.destroy();
      const isBusy = statusCode === 408 || statusCode === 429 || statusCode >= 500;
      if (isBusy) throw new SourceInterrupted(`the server answered with ${statusCode}`);
      if (statusCode < 300 || statusCode > 399 || answered.location === undefined)
        throw new ProblemError(
          'fetch-failed',
          `Asked for ${count === 0 ? this.label : nameOf(url)}, the server answered with ${statusCode}. ${this.#options.advice ?? 'Check the address.'}`,
        );
      if (count === mostRedirections)
        throw new ProblemError('fetch-failed', `${this.label} leads from one place to another, ${count + 1} times.`);
      url = placeIn(answered.location, url);
    }
  }

  #require(url: URL): void {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new ProblemError('invalid-input', `Images are fetched by http and https, and not by ${url.protocol}`, {
        errors: [{ pointer, detail: 'http or https.' }],
      });
    this.#options.addresses.require(url.hostname, pointer);
  }

  #ask(url: URL, headers: Record<string, string>, signal: AbortSignal): Promise<IncomingMessage> {
    const { addresses, silenceMs = usualSilenceMs } = this.#options;
    return new Promise((resolve, reject) => {
      const request = (url.protocol === 'https:' ? requestHttps : requestHttp)(url, {
        signal,
        lookup: addresses.lookup(pointer),
        // What is counted and hashed is the file itself.
        headers: { accept: '*/*', 'accept-encoding': 'identity', ...headers },
        agent: false,
      });
      const silence = new Error(`nothing came for ${silenceMs / 1_000} s`);
      request.setTimeout(silenceMs, () => request.destroy(silence));
      request.once('response', (response) => {
        // What ends the request ends the answer without saying why.
        request.on('error', (error) => response.destroy(error));
        resolve(response);
      });
      request.on('error', (error) => {
        if (signal.aborted) reject(signal.reason as Error);
        else reject(finalFault(url, error) ?? new SourceInterrupted(error.message, { cause: error }));
      });
      request.end();
    });
  }
}

/** What another try does not change: a name that there is not, a certificate that is not trusted. */
function finalFault(url: URL, error: NodeJS.ErrnoException): ProblemError | undefined {
  if (error instanceof ProblemError) return error;
  const { code = '', message } = error;
  if (code === 'ENOTFOUND')
    return new ProblemError('fetch-failed', `There is no server ${url.hostname}. Check the address.`, { cause: error });
  if (!/CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code)) return undefined;
  const detail = `The certificate of ${url.host} is not trusted: ${message}. The agent trusts the authorities of Node.js, and those in the file that NODE_EXTRA_CA_CERTS names.`;
  return new ProblemError('fetch-failed', detail, { cause: error });
}

const nameOf = ({ origin, pathname }: URL): string => `${origin}${pathname}`;

function placeIn(location: string, base: URL): URL {
  const place = URL.parse(location, base.href);
  if (place) return place;
  throw new ProblemError('fetch-failed', `${nameOf(base)} leads to a place that is no address.`);
}

/** Throws `fetch-failed` for an answer that is not what was asked for. */
function opened(response: IncomingMessage, asked: number, label: string): OpenSource {
  const { statusCode, headers } = response;
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding !== 'identity')
    throw new ProblemError(
      'fetch-failed',
      `The server sends ${label} as ${encoding}, though it was asked for as it is.`,
    );
  const tag = tagOf(response);
  if (statusCode === 200) {
    const bytes = wholeNumber(headers['content-length']);
    return { offset: 0, content: response, ...(bytes !== undefined && { bytes }), ...(tag !== undefined && { tag }) };
  }
  const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers['content-range'] ?? '') ?? [];
  if (Number(first) !== asked)
    throw new ProblemError('fetch-failed', `The server sends another part of ${label} than was asked for.`);
  const bytes = wholeNumber(total);
  return { offset: asked, content: response, ...(bytes !== undefined && { bytes }), ...(tag !== undefined && { tag }) };
}

/** What `If-Range` takes: a strong ETag, or else a date. https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5 */
function tagOf({ headers }: IncomingMessage): string | undefined {
  const { etag, 'last-modified': modified } = headers;
  return etag?.startsWith('"') === true ? etag : modified;
}

function wholeNumber(text: string | undefined): number | undefined {
  const value = Number(text);
  return text !== undefined && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}
