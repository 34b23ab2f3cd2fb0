// Log: what happened, the newest first, as it happens. Older events are read when somebody looks that far; a place has an address.

import { View, h } from "./dom.js";
import { chip, empty, loading } from "./parts.js";
import { address, go, place, refine } from "./router.js";
import { state } from "./state.js";
import { clockTime, exact, short, title, told, word, words } from "./words.js";

/** @import { LogEvent } from "./wire.js" */

const PAGE = 100;
const TYPES = ["job", "message", "queue", "device", "backend"];
/** How many rows there are at the most. */
const SHOWN = 2000;

class LogView extends View {
	/** The newest first. @type {LogEvent[]} */ #events = [];
	/** Where it was begun to be read. @type {string | null} */ #at = null;
	#epoch = -1;
	#reading = false;
	#all = false;
	#last = 0;

	render() {
		const at = place.query.get("at");
		const begun = this.#epoch >= 0;
		if (state.head && (this.#epoch !== state.epoch || at !== this.#at)) this.#begin(at ?? state.head, at);
		if (begun && !at) this.#follow();
		const type = place.query.get("type") ?? "";
		const words_ = (place.query.get("q") ?? "").toLowerCase();
		const fits = (/** @type {LogEvent} */ event) =>
			(!type || event.type === type) &&
			(!words_ ||
				JSON.stringify([told(event), event.by, about(event).map(String), event.job?.id, event.at])
					.toLowerCase()
					.includes(words_));
		const shown = this.#events.filter(fits);
		return [
			h(
				"div.view",
				null,
				h(
					"header.row.head.wrap",
					null,
					h("h1.grow", null, "Log"),
					at && h("button.quiet.strong", { onclick: () => go(address(["log"])) }, "To the newest"),
					h("input", {
						type: "search",
						placeholder: "Job, person, word",
						"aria-label": "Search the events that were read",
						value: place.query.get("q") ?? "",
						oninput: (/** @type {any} */ event) => refine("q", event.target.value),
					}),
					h(
						"select",
						{ "aria-label": "Kind", value: type, onchange: (/** @type {any} */ event) => refine("type", event.target.value) },
						h("option", { value: "" }, "Everything"),
						TYPES.map((one) => h("option", { key: one, value: one }, `${one}s`)),
					),
				),
				!begun
					? loading(state.connection.status === "away")
					: shown.length
						? h(
								"ol.trail",
								null,
								shown.map((event) => line(event, event.cursor === at)),
							)
						: empty(
								"log",
								"No event is like that",
								this.#all ? "The whole log was looked through." : "Read further back, or look for less.",
							),
				begun &&
					h(
						"div.row.end-of",
						null,
						this.#all
							? h("p.muted.small", null, "The log begins here.")
							: h("button", { onclick: () => this.#older(), disabled: this.#reading }, "Read older events"),
					),
			),
		];
	}

	/** @param {string} until @param {string | null} at */
	async #begin(until, at) {
		if (this.#reading || state.connection.status !== "live") return;
		this.#reading = true;
		const epoch = state.epoch;
		try {
			const { events } = await state.easel.events({ until, limit: PAGE });
			// Events leave prompts out.
			state.keepAll((await state.easel.jobs({ limit: 200 })).jobs);
			this.#events = events.reverse();
			this.#all = events.length < PAGE;
			[this.#epoch, this.#at] = [epoch, at];
			this.#last = Math.max(0, ...this.#events.map((one) => one.seq));
		} catch {
			// With the next change of the connection it is read again.
		}
		setTimeout(() => ((this.#reading = false), this.refresh()), 200);
		this.refresh();
	}

	/** Takes in what the feed has told since. */
	#follow() {
		const news = state.events.filter((event) => event.seq > this.#last);
		if (!news.length) return;
		this.#last = news[news.length - 1].seq;
		for (const { job } of news.slice(-20)) if (job) state.job(job.id);
		this.#events = [...news.reverse(), ...this.#events].slice(0, SHOWN);
	}

	async #older() {
		const oldest = this.#events[this.#events.length - 1];
		if (!oldest || this.#reading) return;
		this.#reading = true;
		try {
			const { events } = await state.easel.events({ until: oldest.cursor, limit: PAGE });
			const older = events.filter((event) => event.seq < oldest.seq);
			this.#events = [...this.#events, ...older.reverse()].slice(-SHOWN);
			this.#all = older.length < PAGE - 1;
		} catch {
			// The button is still there.
		}
		this.#reading = false;
		this.refresh();
	}
}

/** What an event is about. @param {LogEvent} event */
function about(event) {
	if (event.job) return [title(state.jobs.get(event.job.id) ?? event.job), event.job.backend];
	if (event.message) return [event.message.role ?? "", event.message.content?.slice(0, 200) ?? ""];
	return [event.name ?? ""];
}

/** @param {LogEvent} event @param {boolean} here */
function line(event, here) {
	const [what, where] = about(event);
	const { job } = event;
	return h(
		"li",
		{ key: event.seq, class: ["trail-row", here && "here"] },
		h(
			"a.plain.number.muted.small",
			{
				href: address(["log"], { at: event.cursor }),
				title: `${exact(event.at)} · event ${event.seq}`,
			},
			clockTime(event.at),
		),
		job
			? chip(job.status, event.event === "started" ? "Started" : word(words.status, job.status))
			: chip(event.paused ? "pending" : "queued", event.type[0].toUpperCase() + event.type.slice(1)),
		h(
			"span.cut",
			null,
			job
				? h("a.plain", { href: address(["jobs", job.id]), dir: "auto" }, what || short(job.id))
				: h("b", null, event.type === "queue" ? "The queue" : what),
			" ",
			h("span.muted", null, told(event)),
		),
		h("span.muted.small.cut.c-where", null, job ? [where, job.device].filter(Boolean).join(" on ") : event.message ? where : ""),
		h("span.muted.small.cut.c-by", null, event.by ? `by ${event.by}` : ""),
	);
}

customElements.define("easel-log", LogView);
