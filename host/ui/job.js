// Job: its life from the first second to the last, what it was given, what it made, and everything to do about it.

import { ended, stringify } from "./client.js";
import { View, h, icon } from "./dom.js";
import { fill } from "./draft.js";
import { download, remove, row } from "./gallery.js";
import { attempt, notice } from "./notices.js";
import { bar, chip, chipOf, elapsed, empty, frame, loading, pictures, standing, time } from "./parts.js";
import { cancel } from "./queue.js";
import { address, go, place } from "./router.js";
import { state } from "./state.js";
import { clockTime, duration, expected, number, owner, short, size, told, title, why, word, words } from "./words.js";

/** @import { Attempt, Job, LogLine } from "./wire.js" */

class JobView extends View {
	#id = "";
	/** As of which event it was read whole: events leave params and places out. */ #seq = -1;
	#epoch = -1;
	/** @type {LogLine[] | null} */ #log = null;
	#logged = "";
	#reading = false;

	render() {
		const id = place.path[0] ?? "";
		if (id !== this.#id) {
			this.#id = id;
			this.#seq = this.#epoch = -1;
			this.#log = null;
			this.#logged = "";
		}
		const job = state.jobs.get(id);
		this.#read(id, job);
		if (!job?.params) {
			if (!state.gone.has(id)) return [h("div.view", null, h("h1.sr", null, "Job"), loading(state.connection.status === "away"))];
			return [
				h(
					"div.view",
					null,
					h("h1.sr", null, "Job"),
					empty(
						"search",
						"This job is not there",
						"It was deleted, or went by age, or its address is wrong. ",
						h("a", { href: address(["queue"]) }, "To the queue"),
					),
				),
			];
		}
		return [h("div.view", null, this.#head(job), this.#body(job))];
	}

	/** Again after each event about it, and its log with it. @param {string} id @param {Job | undefined} job */
	async #read(id, job) {
		const due = !job?.params || job.seq !== this.#seq || this.#epoch !== state.epoch;
		const logged = `${job?.attempt} ${job?.status} ${job?.stage} ${state.epoch}`;
		if (this.#reading || state.gone.has(id) || state.connection.status === "away" || (!due && logged === this.#logged)) return;
		this.#reading = true;
		const epoch = state.epoch;
		if (due) {
			const read = await state.readJob(id);
			if (read && id === this.#id) ((this.#seq = read.seq), (this.#epoch = epoch));
		}
		if (logged !== this.#logged) {
			try {
				const { lines } = await state.easel.log(id);
				if (id === this.#id) ((this.#log = lines), (this.#logged = logged));
			} catch {
				// It is read again with the next change.
			}
		}
		setTimeout(() => ((this.#reading = false), this.refresh()), 300);
		this.refresh();
	}

	/** @param {Job} job */
	#head(job) {
		const over = ended(job);
		const again = () => (fill(job, false), go(address(["create"])));
		return h(
			"header.job-head",
			null,
			h(
				"div.row.wrap",
				null,
				chipOf(job),
				h("span.muted.small.number", null, short(job.id)),
				h(
					"span.muted.small.grow",
					null,
					`${job.backend}${job.device ? ` on ${job.device}` : ""} · ${owner(job)} · `,
					time(job.created_at),
				),
				h(
					"div.row.wrap",
					null,
					!over &&
						h("button.danger", { onclick: () => cancel([job.id]), disabled: job.cancel_requested }, icon("close"), "Cancel"),
					job.status === "queued" &&
						h(
							"button",
							{ onclick: () => attempt(() => state.easel.move(job.id, { to: "front" }), "Moved to the front.") },
							icon("front"),
							"To the front",
						),
					over &&
						h(
							"button",
							{ onclick: () => attempt(() => state.easel.tell(job.id, "retry"), "Back in line.") },
							icon("retry"),
							"Retry",
						),
					job.params?.prompt !== undefined &&
						h("button", { class: over && "primary", onclick: again }, icon("again"), "Again with…"),
					over &&
						h(
							"button.danger",
							{ onclick: () => remove([job.id]).then((done) => done && go(address(["gallery"]))) },
							icon("trash"),
							"Delete",
						),
				),
			),
			h("h1.prompt", { dir: "auto" }, title(job)),
			!over && h("p.muted", null, standing(job)),
			job.status === "processing" &&
				h(
					"div.row",
					null,
					h("div.grow", null, bar(job)),
					h("b.number", null, `${job.progress} %`),
					h("span.muted.number", null, elapsed(job)),
					h("span.muted", null, expected(job)),
				),
			job.error &&
				h(
					"div.banner.bad",
					null,
					h(
						"div.grow",
						null,
						h("b", null, job.error.message),
						job.error.detail &&
							!job.error.detail.includes(job.error.message) &&
							h("p.small.mono.wrap-anywhere", null, job.error.detail),
						h(
							"p.small",
							null,
							job.error.retryable ? "Another try may help." : "The same job would fail again: change its params first.",
						),
						job.error.dependency_id &&
							h("p.small", null, h("a", { href: address(["jobs", job.error.dependency_id]) }, "The job that it depended on")),
					),
				),
		);
	}

	/** @param {Job} job */
	#body(job) {
		const made = pictures(job);
		const files = job.artifacts.filter((one) => !made.includes(one));
		const { prompt, ...params } = job.params ?? {};
		const written = (/** @type {any} */ value) => (typeof value === "string" ? value : stringify(value));
		return h(
			"div.job-body",
			null,
			h(
				"div.stack",
				null,
				(made.length > 0 || job.status === "processing") &&
					h(
						"section",
						{ class: ["shots", made.length > 1 && "many"], "aria-label": "Pictures" },
						made.length
							? made.map((one) => h("a", { key: one.name, href: address(["gallery", job.id, one.name]) }, frame(job, one)))
							: frame(job),
					),
				h("section.box", null, h("h2", null, "Life"), waterfall(job)),
				h("section.box", null, h("h2", null, "Log of the backend"), this.#lines()),
				events(job),
			),
			h(
				"div.stack",
				null,
				h(
					"section.box",
					null,
					h("h2", null, "Params"),
					typeof prompt === "string" && prompt !== title(job) && h("p.prompt.long.wrap-anywhere", { dir: "auto" }, prompt),
					h(
						"dl.facts",
						null,
						Object.entries(params).map(
							([name, value]) =>
								value !== "" && row(name.replaceAll("_", " "), h("span.number.wrap-anywhere", { dir: "auto" }, written(value))),
						),
					),
				),
				h(
					"section.box",
					null,
					h("h2", null, "Facts"),
					h(
						"dl.facts",
						null,
						row("Created", time(job.created_at)),
						row("Started", time(job.started_at)),
						row("Ended", time(job.ended_at)),
						row("Not before", time(job.not_before)),
						row("Attempts", `${job.attempts_used} of ${job.max_attempts}`),
						row("Priority", job.priority !== 0 && number(job.priority)),
						row("Conversation", job.conversation_id),
						row("Batch", job.batch_id && short(job.batch_id)),
						row(
							"Depends on",
							job.depends_on.length > 0 &&
								job.depends_on.slice(0, 20).map((id) => [h("a", { key: id, href: address(["jobs", id]) }, short(id)), " "]),
						),
						row("Result", job.result !== null && h("code.wrap-anywhere", null, stringify(job.result).slice(0, 2000))),
						row("Metadata", Object.keys(job.metadata).length > 0 && h("code.wrap-anywhere", null, stringify(job.metadata))),
					),
				),
				(job.inputs.length > 0 || job.artifacts.length > 0) &&
					h(
						"section.box",
						null,
						h("h2", null, "Files"),
						h(
							"ul.files",
							null,
							job.inputs.map((one) =>
								h(
									"li",
									{ key: `in ${one.name}`, class: "row" },
									icon("image"),
									h("span.grow.cut", null, `Input ${one.name}`),
									h("span.muted.small", null, `${one.mime} · ${size(one.size)}`),
								),
							),
							[...made, ...files].map((one) =>
								h(
									"li",
									{ key: one.name, class: "row" },
									icon("image"),
									h("a.grow.cut", { href: one.url, target: "_blank" }, one.name),
									h("span.muted.small", null, `${one.width ? `${one.width} × ${one.height} · ` : ""}${size(one.size)}`),
									h("button.tool", { "aria-label": `Download ${one.name}`, onclick: () => download(job, one) }, icon("download")),
								),
							),
						),
					),
				h(
					"details.box.fold",
					null,
					h("summary", null, "Raw JSON"),
					h("div.row.end", null, h("button.small", { onclick: () => copy(stringify(job, 2)) }, icon("copy"), "Copy")),
					h("pre", { tabindex: 0 }, stringify(job, 2).slice(0, 40_000)),
				),
			),
		);
	}

	#lines() {
		if (!this.#log) return h("p.muted.small", null, "Reading…");
		if (!this.#log.length) return h("p.muted.small", null, "It has logged nothing.");
		const several = this.#log.some((line) => line.attempt !== this.#log?.[0].attempt);
		return h(
			"div.log",
			{ role: "log", tabindex: 0, "aria-label": "Log of the backend" },
			this.#log
				.slice(-500)
				.map((line, index) =>
					h(
						"p",
						{ key: index, class: line.level },
						h("time.muted", { datetime: line.at }, clockTime(line.at)),
						several && h("span.muted", null, `#${line.attempt}`),
						h("b", null, line.level),
						h("span", null, line.message),
					),
				),
		);
	}
}

/** @param {Job} job */
function waterfall(job) {
	const now = state.now();
	const begin = Date.parse(job.created_at);
	const end = Math.max(begin + 1, job.ended_at ? Date.parse(job.ended_at) : now);
	/** @typedef {{key: string, from: number, to: number, kind: string, name: string, note: string, attempt?: Attempt}} Span */
	/** @type {Span[]} */ const spans = [];
	let at = begin;
	for (const one of job.attempts) {
		const from = Date.parse(one.started_at);
		if (from - at > 20)
			spans.push({
				key: `w${one.number}`,
				from: at,
				to: from,
				kind: "waits",
				name: one.number === 1 ? "Waiting" : "Pause",
				note: duration((from - at) / 1000),
			});
		const to = one.ended_at ? Date.parse(one.ended_at) : now;
		const long = duration(one.seconds ?? (to - from) / 1000);
		spans.push({
			key: `a${one.number}`,
			from,
			to,
			kind: one.outcome ?? "processing",
			name: `Attempt ${one.number}`,
			note: `${one.outcome ? word(words.outcome, one.outcome) : "Running"} · ${long}`,
			attempt: one,
		});
		at = to;
	}
	if (!ended(job) && job.status !== "processing")
		spans.push({ key: "now", from: at, to: now, kind: "waits", name: "Waiting", note: why(job) || duration((now - at) / 1000) });
	const part = (/** @type {number} */ t) => `${Math.max(0, Math.min(100, ((t - begin) / (end - begin)) * 100)).toFixed(2)}%`;
	return h(
		"ol.waterfall",
		null,
		spans.map((span) =>
			h(
				"li",
				{ key: span.key },
				h("span.small", null, span.name),
				h(
					"span.track",
					{ "aria-hidden": "true" },
					h("span", {
						class: ["span", span.kind],
						style: { left: part(span.from), width: `max(3px, calc(${part(span.to)} - ${part(span.from)}))` },
					}),
				),
				h(
					"span.small.muted.wrap-anywhere",
					null,
					span.note,
					span.attempt?.error && h("span.wrong", null, ` ${span.attempt.error.message}`),
				),
			),
		),
		spans.length === 0 && h("li", null, h("span.muted.small", null, "It ended without an attempt.")),
	);
}

/** @param {Job} job */
function events(job) {
	const about = state.events.filter((event) => event.job?.id === job.id);
	if (!about.length) return null;
	return h(
		"section.box",
		null,
		h("h2", null, "Events since this page was opened"),
		h(
			"ol.events",
			null,
			about
				.slice(-60)
				.reverse()
				.map((event) =>
					h(
						"li",
						{ key: event.seq, class: "row small" },
						h("time.muted.number", { datetime: event.at }, clockTime(event.at)),
						chip(event.job?.status ?? "queued", told(event)),
						event.by && h("span.muted", null, `by ${event.by}`),
					),
				),
		),
	);
}

/** @param {string} text */
async function copy(text) {
	try {
		await navigator.clipboard.writeText(text);
		notice("Copied.");
	} catch {
		notice("The browser does not let this page copy: select the text instead.", { bad: true });
	}
}

customElements.define("easel-jobs", JobView);
