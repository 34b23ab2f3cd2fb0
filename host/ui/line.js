// The line in its order, read in pages, as far as somebody looks: ten thousand wait as easily as ten. It moves all the time, so the
// pages that are seen are read again with every event that may have changed them, and what they said last is shown meanwhile.

import { state } from "./state.js";

/** @import { Job } from "./wire.js" */

const PAGE = 100;
/** The shortest time between two reads, in ms. */
const REST = 250;

class Line {
	/** Ids by page; those that are running are left out. @type {Map<number, string[]>} */ #pages = new Map();
	/** With a filter the place of a page is known once the one before it is. @type {Map<number, string | null>} */ #cursors =
		new Map();
	#filter = "";
	/** @type {Record<string, string>} */ #query = {};
	#from = 0;
	#to = 0;
	/** As of which change of the line a page was read. @type {Map<number, number>} */ #versions = new Map();
	#reading = false;

	/** @param {Record<string, string>} filter */
	filter({ owner, ...filter }) {
		const query = { ...filter, user: owner };
		const text = JSON.stringify(query);
		if (text === this.#filter) return;
		this.#filter = text;
		this.#query = query;
		this.#pages.clear();
		this.#cursors.clear();
		this.#versions.clear();
	}

	#filtered() {
		return Object.values(this.#query).some(Boolean);
	}

	/** The rows that somebody looks at. @param {number} from @param {number} to */
	want(from, to) {
		[this.#from, this.#to] = [from, to];
		this.#read();
	}

	async #read() {
		if (this.#reading || this.#to === 0 || state.connection.status === "away") return;
		const wanted = [];
		for (let page = Math.floor(this.#from / PAGE); page <= Math.floor(this.#to / PAGE); page++) {
			if (this.#versions.get(page) !== state.lineVersion && this.#place(page) !== null) wanted.push(page);
		}
		// With a filter pages follow from each other.
		if (this.#filtered() && !wanted.length) {
			const next = this.#pages.size;
			if (next <= Math.floor(this.#to / PAGE) + 1 && this.#cursors.get(next)) wanted.push(next);
		}
		if (!wanted.length) return;
		this.#reading = true;
		const [version, filter] = [state.lineVersion, this.#filter];
		try {
			for (const page of wanted) {
				const { jobs, next } = await state.easel.jobs({
					order: "line",
					limit: PAGE,
					cursor: this.#place(page),
					...this.#waiting(),
				});
				if (filter !== this.#filter) break;
				state.keepAll(jobs);
				this.#versions.set(page, version);
				this.#pages.set(
					page,
					jobs.filter((job) => job.status !== "processing").map((job) => job.id),
				);
				this.#cursors.set(page + 1, next);
				if (next === null) for (const other of this.#pages.keys()) if (other > page) this.#pages.delete(other);
			}
			this.#drop();
		} catch {
			// Whoever is away is asked again when it is back: then the version is another one.
		}
		setTimeout(() => {
			this.#reading = false;
			this.#read();
		}, REST);
		state.changed();
	}

	/** Forgets pages that are far from what is seen. */
	#drop() {
		if (this.#filtered()) return;
		for (const page of this.#pages.keys()) {
			if (page > 0 && Math.abs(page - this.#from / PAGE) > 10) (this.#pages.delete(page), this.#versions.delete(page));
		}
	}

	#waiting() {
		return this.#filtered() ? { ...this.#query, status: this.#query.status || ["queued", "pending"] } : {};
	}

	/** The cursor of a page: of the whole line the number of those before it. @param {number} page @returns {string | null | undefined} null if there is none */
	#place(page) {
		if (page === 0) return undefined;
		if (this.#filtered()) return this.#cursors.get(page) ?? null;
		return page * PAGE < this.#all() ? String(page * PAGE) : null;
	}

	#all() {
		const { queue } = state;
		return queue ? queue.length + queue.pending + queue.processing.length : 0;
	}

	/** Whether it has been read at all. */
	known() {
		return this.#pages.has(0);
	}

	/** How many rows there are, as far as is known. */
	length() {
		if (!this.known()) return 0;
		const last = Math.max(...this.#pages.keys());
		if (!this.#filtered()) {
			const pages = Math.max(last + 1, Math.ceil(this.#all() / PAGE));
			let rows = 0;
			for (let page = 0; page < pages; page++)
				rows += this.#pages.get(page)?.length ?? Math.max(0, Math.min(PAGE, this.#all() - page * PAGE));
			return rows;
		}
		let rows = 0;
		for (const ids of this.#pages.values()) rows += ids.length;
		return rows + (this.#cursors.get(last + 1) ? 1 : 0);
	}

	/** @param {number} index @returns {Job | undefined} */
	at(index) {
		let rest = index;
		for (let page = 0; rest >= 0 && page * PAGE <= index + PAGE; page++) {
			const ids = this.#pages.get(page);
			const size = ids?.length ?? PAGE;
			if (rest < size) return ids && state.jobs.get(ids[rest]);
			rest -= size;
		}
		return undefined;
	}

	/** Those that are known, in order. @returns {Job[]} */
	shown() {
		const pages = [...this.#pages.keys()].sort((a, b) => a - b);
		return pages.flatMap((page) =>
			(this.#pages.get(page) ?? []).map((id) => state.jobs.get(id)).filter((job) => job !== undefined),
		);
	}

	/** @param {string} id */
	indexOf(id) {
		let before = 0;
		for (let page = 0; page <= Math.max(0, ...this.#pages.keys()); page++) {
			const ids = this.#pages.get(page);
			const found = ids?.indexOf(id) ?? -1;
			if (found >= 0) return before + found;
			before += ids?.length ?? PAGE;
		}
		return -1;
	}

	/** @param {string} id */
	has(id) {
		return this.indexOf(id) >= 0;
	}

	/** The one behind it. @param {string} id */
	after(id) {
		const index = this.indexOf(id);
		return index < 0 ? undefined : this.at(index + 1)?.id;
	}

	/** In the order of the line. @param {string[]} ids */
	sorted(ids) {
		return [...ids].sort((a, b) => this.indexOf(a) - this.indexOf(b));
	}
}

export const line = new Line();
