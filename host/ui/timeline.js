// Timeline: what each device did, and how many waited, over the last minutes, hours or days.

import { View, h } from "./dom.js";
import { chip, empty, loading } from "./parts.js";
import { address, place, refine } from "./router.js";
import { state } from "./state.js";
import { count, duration, exact, number, owner, shortly, title, word, words } from "./words.js";

/** @import { Attempt, Job } from "./wire.js" */

const MINUTE = 60_000;
/** How far back one can look, in ms. @type {[string, string, number][]} */
const SPANS = [
	["10m", "10 min", 10 * MINUTE],
	["1h", "1 hour", 60 * MINUTE],
	["6h", "6 hours", 360 * MINUTE],
	["1d", "1 day", 1440 * MINUTE],
	["7d", "1 week", 10_080 * MINUTE],
];
const PAGE = 200;
/** How many pages are read at the most. */
const PAGES = 10;
/** How many points the line of those who wait has. */
const POINTS = 160;

class Timeline extends View {
	/** @type {string[]} */ #ids = [];
	#read = "";
	#reading = false;
	#cut = false;

	#span() {
		return SPANS.find(([name]) => name === place.query.get("span")) ?? SPANS[1];
	}

	render() {
		const [chosen, , long] = this.#span();
		this.#readOn(chosen, long);
		const to = state.now();
		const from = to - long;
		const jobs = this.#ids.map((id) => state.jobs.get(id)).filter((job) => job !== undefined);
		const names = (state.queue?.devices ?? []).map((one) => one.name);
		const known = this.#read.startsWith(chosen);
		const blocks = jobs
			.flatMap((job) => job.attempts.map((attempt) => ({ job, attempt })))
			.filter(({ attempt }) => (attempt.ended_at ? Date.parse(attempt.ended_at) : to) > from);
		const part = (/** @type {number} */ t) => ((Math.max(from, Math.min(to, t)) - from) / long) * 100;
		return [
			h(
				"div.view.wide",
				null,
				h(
					"header.row.head.wrap",
					null,
					h("h1.grow", null, "Timeline"),
					h(
						"div.row.spans",
						{ role: "group", "aria-label": "How far back" },
						SPANS.map(([name, label]) =>
							h(
								"button",
								{ key: name, class: "aspect wide", "aria-pressed": String(name === chosen), onclick: () => refine("span", name) },
								label,
							),
						),
					),
				),
				!known
					? loading(state.connection.status === "away")
					: [
							h(
								"p.muted.small.numbers",
								null,
								this.#sum(blocks, names, from, to),
								this.#cut && ` Only the newest ${number(jobs.length)} jobs are drawn.`,
							),
							h(
								"div.lanes",
								null,
								names.map((name) =>
									this.#lane(
										name,
										blocks.filter(({ job }) => job.device === name),
										part,
										from,
										to,
									),
								),
								waiting(jobs, from, to),
								h(
									"div.axis",
									{ "aria-hidden": "true" },
									h("span"),
									h(
										"div",
										null,
										ticks(from, to).map((t) => h("span", { key: t, class: "tick", style: { left: `${part(t)}%` } }, shortly(t))),
									),
								),
							),
							blocks.length === 0 &&
								empty(
									"timeline",
									"Nothing ran in this time",
									"Look further back, or ",
									h("a", { href: address(["create"]) }, "make a picture"),
									".",
								),
							failures(blocks),
							blocks.length > 0 &&
								h(
									"p.legend.row.wrap.small.muted",
									null,
									[
										["complete", "Complete"],
										["processing", "Running"],
										["error", "Failed"],
										["cancelled", "Cancelled or not charged"],
										["paused", "Paused"],
									].map(([kind, label]) =>
										h("span", { key: kind, class: "row" }, h("i", { class: ["swatch", "span", kind] }), label),
									),
								),
						],
			),
		];
	}

	/** @param {{job: Job, attempt: Attempt}[]} blocks @param {string[]} names @param {number} from @param {number} to */
	#sum(blocks, names, from, to) {
		const busy = blocks.reduce(
			(sum, { attempt }) =>
				sum +
				Math.max(0, (attempt.ended_at ? Date.parse(attempt.ended_at) : to) - Math.max(from, Date.parse(attempt.started_at))),
			0,
		);
		const bad = blocks.filter(({ attempt }) => kindOf(attempt) === "error").length;
		const first = Math.min(to, ...blocks.map(({ attempt }) => Math.max(from, Date.parse(attempt.started_at))));
		const share = names.length && to > first ? Math.round((busy / (names.length * (to - first))) * 100) : 0;
		return `${count(blocks.length, "attempt")}, ${number(bad)} failed. The devices were busy for ${share} % of the time since the first of them.`;
	}

	/** @param {string} name @param {{job: Job, attempt: Attempt}[]} blocks @param {(t: number) => number} part @param {number} from @param {number} to */
	#lane(name, blocks, part, from, to) {
		const device = state.queue?.devices.find((one) => one.name === name);
		const paused = device?.paused ?? state.queue?.paused;
		return h(
			"section",
			{ key: name, class: "lane", "aria-label": name },
			h("h2.cut", null, name),
			h(
				"div.track",
				null,
				paused &&
					h("span.span.paused", {
						key: "paused",
						title: `Paused by ${paused.by}${paused.reason ? `: ${paused.reason}` : ""}`,
						style: { left: `${part(Date.parse(paused.since))}%`, right: "0" },
					}),
				blocks.map(({ job, attempt }) => {
					const [begun, ended] = [Date.parse(attempt.started_at), attempt.ended_at ? Date.parse(attempt.ended_at) : to];
					const long = duration((ended - begun) / 1000);
					const what = `${title(job).slice(0, 120) || job.backend}. ${attempt.outcome ? word(words.outcome, attempt.outcome) : "Running"}, ${long}, for ${owner(job)}, ${exact(begun)}`;
					return h("a", {
						key: `${job.id} ${attempt.number}`,
						class: ["span", kindOf(attempt)],
						href: address(["jobs", job.id]),
						title: what,
						"aria-label": what,
						style: {
							left: `${part(begun).toFixed(3)}%`,
							width: `max(2px, calc(${(part(ended) - part(begun)).toFixed(3)}% - 1px))`,
						},
					});
				}),
			),
		);
	}

	/** @param {string} chosen @param {number} long */
	async #readOn(chosen, long) {
		const wanted = `${chosen} ${state.endVersion} ${state.epoch}`;
		if (this.#reading || wanted === this.#read || state.connection.status === "away") return;
		this.#reading = true;
		const since = new Date(state.now() - long * 1.5).toISOString();
		try {
			/** @type {string[]} */ const ids = [];
			/** @type {string | null | undefined} */ let cursor;
			for (let page = 0; page < PAGES && cursor !== null; page++) {
				const { jobs, next } = await state.easel.jobs({ since, limit: PAGE, cursor });
				state.keepAll(jobs);
				ids.push(...jobs.map((job) => job.id));
				cursor = next;
			}
			this.#ids = ids;
			this.#cut = cursor !== null;
			this.#read = wanted;
		} catch {
			// It is read again with the next change.
		}
		setTimeout(() => ((this.#reading = false), this.refresh()), 1000);
		this.refresh();
	}
}

/** @param {Attempt} attempt */
function kindOf({ outcome }) {
	if (outcome === null) return "processing";
	if (outcome === "complete") return "complete";
	return ["cancelled", "interrupted", "unavailable"].includes(outcome) ? "cancelled" : "error";
}

/** The newest failures, with why. @param {{job: Job, attempt: Attempt}[]} blocks */
function failures(blocks) {
	const bad = blocks.filter(({ attempt }) => kindOf(attempt) === "error");
	bad.sort((a, b) => Date.parse(b.attempt.started_at) - Date.parse(a.attempt.started_at));
	if (!bad.length) return null;
	const line = ({ job, attempt } = bad[0]) =>
		h(
			"li",
			{ key: `${job.id} ${attempt.number}`, class: "trail-row" },
			h("span.muted.small.number", null, shortly(attempt.started_at)),
			chip("error", word(words.outcome, attempt.outcome)),
			h("a.plain.cut", { href: address(["jobs", job.id]), dir: "auto" }, title(job) || job.backend),
			h("span.muted.small.cut.c-where", null, attempt.error?.message ?? ""),
			h("span.muted.small.cut.c-by", null, job.device ?? ""),
		);
	return h(
		"section.stack.tight",
		{ key: "failures" },
		h("h2", null, "What failed"),
		h("ol.trail", null, bad.slice(0, 20).map(line)),
	);
}

/** How many waited, as an area below the lanes. @param {Job[]} jobs @param {number} from @param {number} to */
function waiting(jobs, from, to) {
	const counts = new Array(POINTS + 1).fill(0);
	for (const job of jobs) {
		const begun = Date.parse(job.created_at);
		const first = job.attempts[0]?.started_at ?? job.ended_at;
		const over = first ? Date.parse(first) : to;
		const at = (/** @type {number} */ t) => Math.ceil(((t - from) / (to - from)) * POINTS);
		for (let point = Math.max(0, at(begun)); point <= Math.min(POINTS, at(over) - (over < to ? 1 : 0)); point++) counts[point]++;
	}
	const most = Math.max(1, ...counts);
	const path = counts.map((n, point) => `${((point / POINTS) * 1000).toFixed(1)} ${(60 - (n / most) * 56).toFixed(1)}`);
	return h(
		"section.lane.waits",
		{ "aria-label": `Waiting: ${most} at the most` },
		h("h2", null, "Waiting", h("small.muted.number", null, `${number(most)} at most`)),
		h(
			"svg",
			{ viewBox: "0 0 1000 60", preserveAspectRatio: "none", "aria-hidden": "true" },
			h("path.area", { d: `M0 60 L${path.join(" L")} L1000 60 Z` }),
		),
	);
}

/** Where the axis has times: at round ones. @param {number} from @param {number} to */
function ticks(from, to) {
	const steps = [1, 2, 5, 10, 15, 30, 60, 120, 240, 720, 1440].map((one) => one * MINUTE);
	const step = steps.find((one) => (to - from) / one <= (innerWidth < 760 ? 4 : 10)) ?? 1440 * MINUTE;
	const zone = new Date(from).getTimezoneOffset() * MINUTE;
	const found = [];
	for (let t = Math.ceil((from - zone) / step) * step + zone; t < to - step / 4; t += step) found.push(t);
	return found;
}

customElements.define("easel-timeline", Timeline);
