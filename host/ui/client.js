// The way to talk to an Easel host, for any page: no dependencies, nothing to build.
//
//   import { Easel } from "http://127.0.0.1:7420/client.js";
//   const easel = new Easel();
//   const job = await easel.submit({ params: { prompt: "a red fox" } });
//   for await (const now of easel.watch(job.id)) console.log(now.status, now.progress);
//
// Numbers that JavaScript would round (64-bit seeds) come as `Exact`, which keeps them to the letter in both directions.

/** @import { Backend, Frame, Job, LogEvent, LogLine, Message, Queue } from "./wire.js" */

/** How long a socket may be silent: a mark comes every five seconds. */
const SILENCE = 12_000;
/** The pauses between tries: the first, and the longest, in milliseconds. */
const PAUSES = [400, 15_000];
/** Answers that say: the same again, later. */
const LATER = [408, 429, 502, 503, 504];

/** A number as it was written. */
export class Exact {
	/** @param {string} text a JSON number */
	constructor(text) {
		this.text = text;
	}
	toString() {
		return this.text;
	}
	valueOf() {
		return Number(this.text);
	}
}

/** Whether a double says the same as this text. @param {string} text */
function survives(text) {
	const plain = text.includes(".") && !/[eE]/.test(text) ? text.replace(/\.?0+$/, "") : text;
	return String(Number(plain)) === plain;
}

/** Reads JSON and keeps numbers to the letter. @param {string} text @returns {any} */
export function parse(text) {
	const mark = `#${crypto.randomUUID()}:`;
	let kept = false;
	const marked = text.replace(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) => {
		if (token[0] === '"' || survives(token)) return token;
		kept = true;
		return `"${mark}${token}"`;
	});
	if (!kept) return JSON.parse(text);
	const exact = (/** @type {string} */ _, /** @type {unknown} */ value) =>
		typeof value === "string" && value.startsWith(mark) ? new Exact(value.slice(mark.length)) : value;
	return JSON.parse(marked, exact);
}

/** Writes JSON with such numbers in it. @param {unknown} value @param {number} [indent] */
export function stringify(value, indent) {
	const mark = `#${crypto.randomUUID()}:`;
	const text = JSON.stringify(value, (_, part) => (part instanceof Exact ? mark + part.text : part), indent);
	return text.replace(new RegExp(`"${mark}([^"]*)"`, "g"), "$1");
}

/** Why the host did not do what was asked: a problem document. */
export class Problem extends Error {
	/** @param {number} status @param {{title?: string, detail?: string, field?: string, job?: Job}} document */
	constructor(status, document) {
		super(document.detail || document.title || `the host answered ${status}`);
		this.name = "Problem";
		this.status = status;
		this.title = document.title ?? "";
		this.field = document.field ?? null;
		this.job = document.job ?? null;
	}
}

/** Nobody answered. */
export class Unreachable extends Error {
	constructor() {
		super("The host does not answer.");
		this.name = "Unreachable";
	}
}

/** @param {{status: string}} job */
export const ended = (job) => ["complete", "error", "cancelled"].includes(job.status);

/** @param {number} ms */
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

/** With chance in it, so that a thousand pages do not come back at the same moment. @param {number} pause */
const jittered = (pause) => pause * (0.5 + Math.random() / 2);

/** @typedef {Record<string, string | number | string[] | null | undefined>} Query */

/** @param {Query} query */
function queryText(query) {
	const pairs = new URLSearchParams();
	for (const [name, value] of Object.entries(query)) {
		for (const one of Array.isArray(value) ? value : [value]) {
			if (one !== null && one !== undefined && one !== "") pairs.append(name, String(one));
		}
	}
	const text = pairs.toString();
	return text && `?${text}`;
}

/** A host. */
export class Easel {
	/** @param {string | URL} [base] its address; that of the page, or of this module, if absent */
	constructor(base = globalThis.location?.origin ?? new URL("/", import.meta.url)) {
		this.base = new URL(base);
	}

	/**
	 * One request. Throws a `Problem` or `Unreachable`.
	 * @param {string} method @param {string} path @param {unknown} [body] @param {Record<string, string>} [headers]
	 * @returns {Promise<any>}
	 */
	async call(method, path, body, headers = {}) {
		const raw = body instanceof Blob;
		if (body !== undefined && !raw) headers = { "Content-Type": "application/json", ...headers };
		const sent = body === undefined ? undefined : raw ? body : stringify(body);
		let answer, text;
		try {
			answer = await fetch(new URL(path, this.base), { method, body: sent, headers });
			text = await answer.text();
		} catch {
			throw new Unreachable();
		}
		let document = null;
		try {
			document = text ? parse(text) : null;
		} catch {
			if (answer.ok) throw new Unreachable();
		}
		if (!answer.ok) throw new Problem(answer.status, document ?? {});
		return document;
	}

	/** @param {string} path @param {Query} [query] @returns {Promise<any>} */
	get(path, query = {}) {
		return this.call("GET", path + queryText(query));
	}

	/**
	 * The same under a key, until there is an answer: whatever breaks meanwhile, it is done once.
	 * @param {string} path @param {unknown} body @param {string} [key] @returns {Promise<any>}
	 */
	async once(path, body, key = crypto.randomUUID()) {
		for (let pause = PAUSES[0]; ; pause = Math.min(pause * 2, PAUSES[1])) {
			try {
				return await this.call("POST", path, body, { "Idempotency-Key": key });
			} catch (error) {
				if (!(error instanceof Unreachable) && !(error instanceof Problem && LATER.includes(error.status))) throw error;
				await sleep(jittered(pause));
			}
		}
	}

	/** @param {object} envelope as of POST /v1/jobs @param {string} [key] @returns {Promise<Job>} */
	submit(envelope, key) {
		return this.once("/v1/jobs", envelope, key);
	}
	/** @param {object[]} jobs @param {string} [key] @returns {Promise<{id: string, jobs: Job[]}>} */
	submitBatch(jobs, key) {
		return this.once("/v1/batches", { jobs }, key);
	}
	/** @param {Blob} file @returns {Promise<{id: string, size: number, mime: string}>} */
	upload(file) {
		return this.call("POST", "/v1/uploads", file, { "Content-Type": file.type || "application/octet-stream" });
	}
	/** @param {Query} [query] @returns {Promise<{jobs: Job[], next: string | null}>} */
	jobs(query) {
		return this.get("/v1/jobs", query);
	}
	/** @param {string} id @returns {Promise<Job>} */
	job(id) {
		return this.get(`/v1/jobs/${encodeURIComponent(id)}`);
	}
	/** @param {string} id @returns {Promise<{lines: LogLine[]}>} */
	log(id) {
		return this.get(`/v1/jobs/${encodeURIComponent(id)}/log`);
	}
	/** @param {string} id @param {"cancel" | "retry"} what @returns {Promise<Job>} */
	tell(id, what) {
		return this.call("POST", `/v1/jobs/${encodeURIComponent(id)}/${what}`);
	}
	/** @param {string} id @param {{to: string} | {before: string}} where @returns {Promise<Job>} */
	move(id, where) {
		return this.call("POST", `/v1/jobs/${encodeURIComponent(id)}/move`, where);
	}
	/** @param {string} id @param {number} priority @returns {Promise<Job>} */
	prioritise(id, priority) {
		return this.call("PATCH", `/v1/jobs/${encodeURIComponent(id)}`, { priority });
	}
	/** @param {string} id @returns {Promise<null>} */
	remove(id) {
		return this.call("DELETE", `/v1/jobs/${encodeURIComponent(id)}`);
	}
	/** @param {object} filter @returns {Promise<{cancelled: number, more: boolean}>} */
	cancelMany(filter) {
		return this.call("POST", "/v1/jobs/cancel", filter);
	}
	/** @returns {Promise<Queue>} */
	queue() {
		return this.get("/v1/queue");
	}
	/** The queue, or a device. @param {string | null} device @param {object | null} pause null resumes */
	pause(device, pause) {
		const path = device === null ? "/v1/queue" : `/v1/devices/${encodeURIComponent(device)}`;
		return pause ? this.call("POST", `${path}/pause`, pause) : this.call("POST", `${path}/resume`);
	}
	/** @param {string} device */
	unload(device) {
		return this.call("POST", `/v1/devices/${encodeURIComponent(device)}/unload`);
	}
	/** @returns {Promise<Backend[]>} */
	async backends() {
		return (await this.get("/v1/backends")).backends;
	}
	/** @param {Query} query @returns {Promise<{events: LogEvent[], cursor: string, next: string | null, previous?: string | null}>} */
	events(query) {
		return this.get("/v1/events", query);
	}
	/** @param {Query} [query] @returns {Promise<{conversations: {id: string, count: number, updated_at: string}[], next: string | null}>} */
	conversations(query) {
		return this.get("/v1/conversations", query);
	}
	/** @param {string} id @param {Query} [query] @returns {Promise<{messages: Message[], jobs: Job[], cursor: string, next: string | null}>} */
	messages(id, query) {
		return this.get(`/v1/conversations/${encodeURIComponent(id)}/messages`, { expand: "jobs", ...query });
	}
	/** @param {object} message @returns {Promise<Message>} */
	say(message) {
		return this.call("POST", "/v1/messages", message);
	}

	/**
	 * Follows events for as long as it is not closed.
	 * @param {(frame: Frame) => void} onFrame @param {(connection: Connection) => void} [onConnection]
	 * @param {{since?: string | null, conversation_id?: string[], job_id?: string[], batch_id?: string[]}} [filters]
	 */
	follow(onFrame, onConnection, filters) {
		return new Feed(this, onFrame, onConnection ?? (() => {}), filters ?? {});
	}

	/** A job as it goes on, until it has ended. @param {string} id @returns {AsyncGenerator<Job>} */
	async *watch(id) {
		/** @type {(value?: unknown) => void} */
		let wake = () => {};
		let news = true;
		const feed = this.follow(
			(frame) => {
				const about = frame.type === "mark" ? false : frame.job_id === id || frame.job?.id === id || frame.type === "snapshot";
				if (about || frame.positions?.[id]) ((news = true), wake());
			},
			undefined,
			{ job_id: [id] },
		);
		try {
			for (;;) {
				if (!news) await new Promise((done) => (wake = done));
				news = false;
				let job;
				try {
					job = await this.job(id);
				} catch (error) {
					if (!(error instanceof Unreachable)) throw error;
					continue; // the feed comes back by itself, and says so
				}
				yield job;
				if (ended(job)) return;
			}
		} finally {
			feed.close();
		}
	}
}

/**
 * @typedef {object} Connection
 * @property {"connecting" | "live" | "away" | "refused"} status
 * @property {number | null} since when it was lost, in ms of this machine
 * @property {string | null} why what the host said when it refused
 */

/** One WebSocket that comes back by itself, with its cursor. */
class Feed {
	/** @type {WebSocket | null} */ #socket = null;
	/** @type {string | null} */ #cursor;
	/** @type {ReturnType<typeof setTimeout> | undefined} */ #timer;
	#pause = PAUSES[0];
	#closed = false;
	/** @type {Connection} */ #connection = { status: "connecting", since: null, why: null };

	/**
	 * @param {Easel} easel @param {(frame: Frame) => void} onFrame @param {(connection: Connection) => void} onConnection
	 * @param {{since?: string | null, conversation_id?: string[], job_id?: string[], batch_id?: string[]}} filters
	 */
	constructor(easel, onFrame, onConnection, { since, ...filters }) {
		this.easel = easel;
		this.onFrame = onFrame;
		this.onConnection = onConnection;
		this.filters = filters;
		this.#cursor = since ?? null;
		// What was lost with the network, or slept, is worth a try at once.
		globalThis.addEventListener?.("online", this.#retry);
		globalThis.document?.addEventListener("visibilitychange", this.#retry);
		this.#connect();
	}

	close() {
		this.#closed = true;
		clearTimeout(this.#timer);
		globalThis.removeEventListener?.("online", this.#retry);
		globalThis.document?.removeEventListener("visibilitychange", this.#retry);
		this.#socket?.close();
	}

	/** Tries again now, if it is away. */
	retry() {
		this.#retry();
	}

	#retry = () => {
		if (this.#closed || this.#socket || globalThis.document?.hidden) return;
		clearTimeout(this.#timer);
		this.#connect();
	};

	#connect() {
		const url = new URL(`/v1/ws${queryText({ ...this.filters, since: this.#cursor })}`, this.easel.base);
		url.protocol = url.protocol.replace("http", "ws");
		const socket = new WebSocket(url, "easel.v1");
		this.#socket = socket;
		socket.onmessage = ({ data }) => {
			if (socket !== this.#socket) return;
			this.#listen(socket);
			const frame = /** @type {Frame} */ (parse(data));
			// hello says where the log's head is, which is not here yet.
			if (frame.cursor && frame.type !== "hello") this.#cursor = frame.cursor;
			this.onFrame(frame);
			if (frame.type === "mark") {
				this.#pause = PAUSES[0];
				if (this.#connection.status !== "live") this.#tell({ status: "live", since: null, why: null });
			}
		};
		socket.onclose = ({ code }) => this.#lost(socket, code);
		this.#listen(socket);
	}

	/** A socket on which nothing comes is dead, whatever the browser says. @param {WebSocket} socket */
	#listen(socket) {
		clearTimeout(this.#timer);
		this.#timer = setTimeout(() => {
			socket.close();
			this.#lost(socket, 1006); // the close of a dead one may take minutes
		}, SILENCE);
	}

	/** @param {WebSocket} socket @param {number} code */
	async #lost(socket, code) {
		if (socket !== this.#socket || this.#closed) return;
		this.#socket = null;
		clearTimeout(this.#timer);
		const since = this.#connection.since ?? Date.now();
		this.#tell({ status: "away", since, why: null });
		// Browsers do not tell why a socket could not be opened: if the host refuses, it says so over HTTP.
		const why = code === 1008 ? "not allowed any more" : await this.#refusal();
		if (this.#closed || this.#socket) return;
		if (why !== null) this.#tell({ status: "refused", since, why });
		this.#timer = setTimeout(() => this.#socket ?? this.#connect(), jittered(why === null ? this.#pause : PAUSES[1]));
		this.#pause = Math.min(this.#pause * 2, PAUSES[1]);
	}

	/** @returns {Promise<string | null>} */
	async #refusal() {
		try {
			await this.easel.call("GET", "/healthz");
		} catch (error) {
			if (error instanceof Problem && [400, 401, 403, 404].includes(error.status)) return error.message;
		}
		return null;
	}

	/** @param {Connection} connection */
	#tell(connection) {
		this.#connection = connection;
		this.onConnection(connection);
	}
}
