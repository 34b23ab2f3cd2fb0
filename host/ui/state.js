// What the page knows of its host, and who wants to hear of it. Everything comes in through here: the feed's frames, and what was
// read besides. Of two copies of a job the one with the greater `seq` is newer.

import { Easel, Problem, ended } from "./client.js";

/** @import { Connection } from "./client.js" */
/** @import { Backend, Frame, Job, LogEvent, Queue } from "./wire.js" */

/** How many jobs are kept that nobody may be looking at. */
const KEPT = 3000;
/** How many events the log shows without reading. */
const EVENTS = 500;

class State {
	easel = new Easel();
	/** @type {Connection} */ connection = { status: "connecting", since: null, why: null };
	/** @type {Queue | null} */ queue = null;
	/** @type {Backend[] | null} */ backends = null;
	/** @type {Map<string, Job>} */ jobs = new Map();
	/** Those that are not there, or not any more. @type {Set<string>} */ gone = new Set();
	/** @type {LogEvent[]} the newest last */ events = [];
	/** Changes whenever something may have been missed: whoever has read a list reads it again. */
	epoch = 0;
	/** Changes with every event that may change the order of the line, or who is in it. */
	lineVersion = 0;
	/** Changes whenever a job has ended or is gone. */
	endVersion = 0;
	/** Changes with every event about messages or their jobs. */
	talkVersion = 0;
	/** How far the host's clock is ahead of this one, in ms. */
	skew = 0;
	/** The cursor of the log's head, as of the last hello or mark. @type {string | null} */ head = null;
	/** @type {Set<() => void>} */ #listeners = new Set();
	/** @type {Map<string, Promise<unknown>>} */ #reading = new Map();
	#news = false;

	begin() {
		this.feed = this.easel.follow(
			(frame) => this.#frame(frame),
			(connection) => {
				const back = connection.status === "live";
				this.connection = connection;
				if (back) this.#missed();
				this.changed();
			},
		);
		// Times are told relative to now.
		setInterval(() => this.changed(), 1000);
	}

	/** @param {() => void} listener @returns {() => void} takes it back */
	listen(listener) {
		this.#listeners.add(listener);
		return () => this.#listeners.delete(listener);
	}

	changed() {
		if (this.#news) return;
		this.#news = true;
		queueMicrotask(() => {
			this.#news = false;
			for (const listener of this.#listeners) listener();
		});
	}

	/** The host's now, in ms. */
	now() {
		return Date.now() + this.skew;
	}

	/** @param {Frame} frame */
	#frame(frame) {
		if (frame.type === "hello") {
			this.skew = Date.parse(frame.now ?? "") - Date.now() || 0;
			this.head = frame.cursor ?? null;
		} else if (frame.type === "snapshot") this.#snapshot(frame);
		else if (frame.type === "mark") this.head = frame.cursor ?? this.head;
		else if (frame.type === "progress") this.#progress(frame);
		else if (frame.type === "positions") {
			for (const [id, place] of Object.entries(frame.positions ?? {})) {
				const job = this.jobs.get(id);
				if (job?.status === "queued") {
					const { queue_position, estimated_start_at, estimated_end_at } = place;
					this.jobs.set(id, { ...job, queue_position, estimated_start_at, estimated_end_at });
				}
			}
		} else if (frame.seq) this.#event(/** @type {LogEvent} */ (frame));
		if (frame.type !== "mark") this.changed();
	}

	/** @param {LogEvent} event */
	#event(event) {
		this.events.push(event);
		if (this.events.length > EVENTS) this.events.splice(0, this.events.length - EVENTS);
		const { job } = event;
		if (job) {
			if (event.event === "deleted") {
				this.jobs.delete(job.id);
				this.gone.add(job.id);
				this.endVersion++;
			} else {
				this.keep(job);
				if (ended(job)) this.endVersion++;
			}
			if (job.conversation_id || job.message_id) this.talkVersion++;
		}
		if (event.type === "message") this.talkVersion++;
		if (event.type === "backend") this.readBackends();
		this.lineVersion++;
		this.readQueue();
	}

	/** @param {Frame} frame */
	#snapshot(frame) {
		if (frame.queue) this.queue = frame.queue;
		for (const job of frame.jobs ?? []) this.keep(job);
		// What is not in it has ended, or is not known any more: it is read again by whoever shows it.
		const there = new Set((frame.jobs ?? []).map((job) => job.id));
		for (const [id, job] of this.jobs) if (!ended(job) && !there.has(id)) this.jobs.delete(id);
	}

	/** @param {Frame} frame */
	#progress({ job_id, attempt, progress, stage, preview, estimated_end_at }) {
		const job = this.jobs.get(job_id ?? "");
		if (!job || job.status !== "processing" || job.attempt !== attempt) return;
		const news = { progress: progress ?? job.progress, stage: stage ?? null, preview: preview ?? null };
		this.jobs.set(job.id, { ...job, ...news, estimated_end_at: estimated_end_at ?? null });
	}

	#missed() {
		this.gone.clear();
		this.epoch++;
		this.lineVersion++;
		this.endVersion++;
		this.talkVersion++;
		this.readQueue();
		this.readBackends();
	}

	/** Takes in a job that was read or told. @param {Job} job */
	keep(job) {
		const known = this.jobs.get(job.id);
		if (known && known.seq > job.seq) return;
		// Events leave params out, and say less of what waits or runs.
		this.jobs.delete(job.id);
		this.jobs.set(job.id, job.params || !known?.params ? job : { ...job, params: known.params });
		if (this.jobs.size > KEPT) {
			for (const [id, old] of this.jobs) {
				if (this.jobs.size <= KEPT * 0.9) break;
				if (old.status !== "processing") this.jobs.delete(id);
			}
		}
	}

	/** @param {Job[]} jobs */
	keepAll(jobs) {
		for (const job of jobs) this.keep(job);
		this.changed();
	}

	/** A job with its params, which is read if it is not known. @param {string} id @returns {Job | undefined} */
	job(id) {
		const job = this.jobs.get(id);
		if (!job?.params && !this.gone.has(id)) this.readJob(id);
		return job;
	}

	/** @param {string} id @returns {Promise<Job | undefined>} */
	async readJob(id) {
		const read = async () => {
			try {
				const job = await this.easel.job(id);
				this.gone.delete(id);
				this.keepAll([job]);
			} catch (error) {
				if (!(error instanceof Problem)) return; // read again when the host is back
				this.jobs.delete(id);
				this.gone.add(id);
				this.changed();
			}
		};
		await this.#once(`job ${id}`, read);
		return this.jobs.get(id);
	}

	readQueue() {
		this.#again("queue", async () => {
			const queue = await this.easel.queue();
			this.queue = queue;
			for (const job of queue.processing) this.keep(job);
			this.changed();
		});
	}

	readBackends() {
		this.#again("backends", async () => {
			this.backends = await this.easel.backends();
			this.changed();
		});
	}

	/** One read of a kind at a time. @param {string} what @param {() => Promise<unknown>} read */
	#once(what, read) {
		const running = this.#reading.get(what);
		if (running) return running;
		const promise = read().finally(() => this.#reading.delete(what));
		this.#reading.set(what, promise);
		return promise;
	}

	/** @type {Set<string>} */ #asked = new Set();
	/** The same, and once more if it was asked for meanwhile: many events make few reads. @param {string} what @param {() => Promise<unknown>} read */
	#again(what, read) {
		this.#asked.add(what);
		if (this.#reading.has(what)) return;
		const all = async () => {
			while (this.#asked.delete(what)) {
				await read();
				await new Promise((done) => setTimeout(done, 150));
			}
		};
		this.#once(what, all).catch(() => this.#asked.delete(what)); // whoever is away is read again when it is back
	}
}

export const state = new State();
