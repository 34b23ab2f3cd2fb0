// Gallery: what was made, the newest first, by its real shape; and one picture at a time, with all that is known of it.

import { View, h, icon } from "./dom.js";
import { fill } from "./draft.js";
import { ask, attempt } from "./notices.js";
import { alt, chip, empty, loading, pictures, ratio, time } from "./parts.js";
import { address, go, place, refine } from "./router.js";
import { state } from "./state.js";
import { count, duration, owner, short, size, title } from "./words.js";

/** @import { Artifact, Job } from "./wire.js" */
/** @typedef {{job: Job, picture: Artifact, key: string}} Shot */

const PAGE = 60;

/** What has been read, so that coming back finds it. */
const read = {
	/** @type {string[]} */ ids: [],
	/** @type {string | null | undefined} undefined: from the beginning */ next: /** @type {string | null | undefined} */ (
		undefined
	),
	query: "",
	version: -1,
	busy: false,
	failed: false,
};

/** Reads the newest again if something has ended since, or goes on to older ones. @param {boolean} more */
async function readOn(more) {
	const query = JSON.stringify([place.query.get("q") ?? "", place.query.get("backend") ?? "", place.query.get("user") ?? ""]);
	if (query !== read.query) Object.assign(read, { ids: [], next: undefined, query, version: -1 });
	const first = read.version !== state.endVersion;
	if (read.busy || state.connection.status === "away" || (!first && (!more || read.next === null))) return;
	read.busy = true;
	const version = state.endVersion;
	const [q, backend, user] = JSON.parse(query);
	try {
		const cursor = first ? undefined : read.next;
		const { jobs, next } = await state.easel.jobs({ status: "complete", limit: PAGE, cursor, q, backend, user });
		if (query === read.query) {
			state.keepAll(jobs);
			const ids = jobs.map((job) => job.id);
			if (first) {
				// What follows the newest page was read before and is still so, less what is gone.
				const known = new Set(ids);
				const oldest = ids.length ? read.ids.indexOf(ids[ids.length - 1]) : -1;
				const rest = oldest >= 0 ? read.ids.slice(oldest + 1).filter((id) => !known.has(id) && !state.gone.has(id)) : [];
				if (!rest.length) read.next = next;
				read.ids = [...ids, ...rest];
				read.version = version;
			} else {
				read.ids = [...read.ids, ...ids.filter((id) => !read.ids.includes(id))];
				read.next = next;
			}
		}
		read.failed = false;
	} catch {
		read.failed = true;
	}
	setTimeout(() => {
		read.busy = false;
		state.changed();
	}, 200);
	state.changed();
}

/** @returns {Shot[]} */
function shots() {
	return read.ids.flatMap((id) => {
		const job = state.jobs.get(id) ?? (state.gone.has(id) ? undefined : state.job(id));
		if (!job || job.status !== "complete") return [];
		return pictures(job).map((picture) => ({ job, picture, key: `${id}/${picture.name}` }));
	});
}

class Gallery extends View {
	/** @type {Set<string>} */ #selected = new Set();
	/** @type {IntersectionObserver | null} */ #watch = null;
	#nearEnd = false;

	start() {
		this.#watch = new IntersectionObserver(
			([entry]) => {
				this.#nearEnd = entry.isIntersecting;
				if (this.#nearEnd) readOn(true);
			},
			{ rootMargin: "800px" },
		);
		addEventListener("keydown", this.#key);
	}
	stop() {
		this.#watch?.disconnect();
		removeEventListener("keydown", this.#key);
	}

	render() {
		readOn(this.#nearEnd);
		const all = shots();
		const open = place.path.length >= 2 ? `${place.path[0]}/${place.path[1]}` : null;
		const other = place.query.get("with");
		const selected = [...this.#selected].filter((key) => all.some((shot) => shot.key === key));
		return [
			h(
				"div.view.wide",
				null,
				selected.length ? this.#chosen(all, selected) : this.#head(),
				all.length
					? h(
							"div.wall",
							null,
							all.map((shot) => this.#tile(shot)),
							h("div.filler", { key: "filler" }),
						)
					: read.version < 0
						? loading(read.failed)
						: place.query.get("q") || place.query.get("backend")
							? empty(
									"search",
									"Nothing was made that is like that",
									h("button", { onclick: () => (refine("q", ""), refine("backend", "")) }, "Show everything"),
								)
							: empty(
									"gallery",
									"Nothing has been made yet",
									"Finished pictures hang here, the newest first. ",
									h("a", { href: address(["create"]) }, "Make the first one"),
								),
				h(
					"div.end",
					{ key: "end" },
					read.next === null && all.length > 0 ? h("p.muted.small", null, `That is all: ${count(all.length, "picture")}.`) : null,
				),
			),
			open && this.#lightbox(all, open, other),
		];
	}

	drawn() {
		const end = this.querySelector(".end");
		if (end) this.#watch?.observe(end);
		const dialog = this.querySelector("dialog");
		if (dialog && !dialog.open) dialog.showModal();
	}

	#head() {
		return h(
			"header.row.head.wrap",
			{ key: "head" },
			h("h1.grow", null, "Gallery"),
			h("input", {
				type: "search",
				placeholder: "Search prompts",
				"aria-label": "Search the prompts of pictures",
				value: place.query.get("q") ?? "",
				oninput: (/** @type {any} */ event) => refine("q", event.target.value),
			}),
			h(
				"select",
				{
					"aria-label": "Backend",
					value: place.query.get("backend") ?? "",
					onchange: (/** @type {any} */ event) => refine("backend", event.target.value),
				},
				h("option", { value: "" }, "All backends"),
				(state.backends ?? []).map((one) => h("option", { key: one.name, value: one.name }, one.name)),
			),
		);
	}

	/** @param {Shot[]} all @param {string[]} selected */
	#chosen(all, selected) {
		const chosen = all.filter((shot) => selected.includes(shot.key));
		const jobs = [...new Set(chosen.map((shot) => shot.job.id))];
		const [a, b] = selected;
		return h(
			"header.row.head.wrap.chosen",
			{ key: "chosen", role: "toolbar", "aria-label": "What is selected" },
			h("h1.grow", null, `${count(selected.length, "picture")} selected`),
			h(
				"button",
				{ disabled: selected.length !== 2, onclick: () => go(address(["gallery", ...a.split("/")], { with: b })) },
				icon("compare"),
				"Compare",
			),
			h("button", { onclick: () => chosen.forEach((shot) => download(shot.job, shot.picture)) }, icon("download"), "Download"),
			h("button.danger", { onclick: () => this.#delete(jobs) }, icon("trash"), "Delete"),
			h("button.quiet", { onclick: () => ((this.#selected = new Set()), this.refresh()) }, "Clear"),
		);
	}

	/** @param {string[]} jobs */
	async #delete(jobs) {
		if (await remove(jobs)) this.#selected = new Set();
	}

	/** @param {Shot} shot */
	#tile({ job, picture, key }) {
		const shape = ratio(job, picture);
		const chosen = this.#selected.has(key);
		const toggle = () => {
			if (chosen) this.#selected.delete(key);
			else this.#selected.add(key);
			this.refresh();
		};
		return h(
			"figure",
			{ key, class: ["tile", chosen && "selected"], style: { "flex-grow": String(shape), "--shape": String(shape) } },
			h(
				"a",
				{ href: address(["gallery", job.id, picture.name], Object.fromEntries(place.query)), class: "frames" },
				h("img", {
					src: picture.url,
					alt: alt(job, picture),
					width: picture.width,
					height: picture.height,
					loading: "lazy",
					decoding: "async",
				}),
			),
			h("figcaption.row", { "aria-hidden": "true" }, h("span.cut.grow", null, title(job)), h("span", null, time(job.ended_at))),
			h("input", {
				type: "checkbox",
				class: "pick",
				".checked": chosen,
				onchange: toggle,
				"aria-label": `Select: ${alt(job, picture)}`,
			}),
		);
	}

	/** @param {Shot[]} all @param {string} open @param {string | null} other */
	#lightbox(all, open, other) {
		const index = all.findIndex((shot) => shot.key === open);
		const shot = all[index] ?? found(open);
		const second = other ? (all.find((one) => one.key === other) ?? found(other)) : undefined;
		const rest = Object.fromEntries([...place.query].filter(([name]) => name !== "with"));
		const close = () => place.view === "gallery" && place.path.length && go(address(["gallery"], rest));
		const to = (/** @type {number} */ step) =>
			all[index + step] && address(["gallery", ...all[index + step].key.split("/")], rest);
		return h(
			"dialog",
			{
				class: ["lightbox", second && "two"],
				key: "lightbox",
				onclose: close,
				"aria-label": shot ? alt(shot.job, shot.picture) : "Picture",
			},
			h(
				"div.stage",
				{ tabindex: -1, autofocus: true },
				!shot && loading(),
				shot &&
					h(
						"div.canvas",
						{ key: "a" },
						h("img", { key: shot.picture.sha256, src: shot.picture.url, alt: alt(shot.job, shot.picture) }),
						second && h("p.label", null, seedOf(shot.job)),
					),
				second &&
					h(
						"div.canvas",
						{ key: "b" },
						h("img", { key: second.picture.sha256, src: second.picture.url, alt: alt(second.job, second.picture) }),
						h("p.label", null, seedOf(second.job)),
					),
				!second && to(-1) && h("a.turn.left", { href: to(-1), "aria-label": "Newer picture", "data-turn": "left" }, icon("left")),
				!second &&
					to(1) &&
					h("a.turn.right", { href: to(1), "aria-label": "Older picture", "data-turn": "right" }, icon("right")),
			),
			shot && about(shot, second),
			h("form", { method: "dialog", class: "shut" }, h("button.tool", { "aria-label": "Close" }, icon("close"))),
		);
	}

	#key = (/** @type {KeyboardEvent} */ event) => {
		const side = event.key === "ArrowLeft" ? "left" : event.key === "ArrowRight" ? "right" : null;
		const turn = side && this.querySelector(`[data-turn="${side}"]`);
		if (turn instanceof HTMLAnchorElement) location.replace(turn.href);
	};
}

/** A picture that is not in the list that was read. @param {string} key @returns {Shot | undefined} */
function found(key) {
	const [id, name] = key.split("/");
	const job = state.job(id);
	const picture = job?.artifacts.find((one) => one.name === name);
	return job && picture && { job, picture, key };
}

/** @param {Job} job */
const seedOf = (job) => {
	const seed = job.params?.seed ?? /** @type {any} */ (job.result)?.seed;
	return seed === undefined || seed === null ? short(job.id) : `Seed ${seed}`;
};

/** Everything that one may want to know of a picture, and do with it. @param {Shot} shot @param {Shot | undefined} second */
function about({ job, picture }, second) {
	const last = job.attempts[job.attempts.length - 1];
	const { prompt, ...params } = job.params ?? {};
	const seed = params.seed ?? /** @type {any} */ (job.result)?.seed;
	const differs = (/** @type {string} */ name) =>
		second !== undefined && String(second.job.params?.[name]) !== String(job.params?.[name]);
	const again = (/** @type {boolean} */ same) => (fill(job, same), go(address(["create"])));
	return h(
		"aside.about",
		null,
		h("p.prompt.long", { dir: "auto" }, String(prompt ?? title(job))),
		second &&
			second.job.params?.prompt !== prompt &&
			h("p.prompt.long.muted", { dir: "auto" }, String(second.job.params?.prompt ?? "")),
		h(
			"div.row.wrap",
			null,
			h("button.primary", { onclick: () => again(false) }, icon("again"), "Again with…"),
			h("button", { onclick: () => again(true) }, "Same seed"),
			h("button", { onclick: () => download(job, picture) }, icon("download"), "Download"),
		),
		h(
			"dl.facts",
			null,
			row("Made", time(job.ended_at)),
			row("Took", last?.seconds !== null && last ? duration(last.seconds) : ""),
			row("Size", `${picture.width ?? "?"} × ${picture.height ?? "?"} · ${size(picture.size)}`),
			row("Seed", seed !== undefined && seed !== null && h("span.number", null, String(seed))),
			Object.entries(params).map(
				([name, value]) =>
					name !== "seed" &&
					value !== "" &&
					row(
						name.replaceAll("_", " "),
						h(
							"span",
							{ class: differs(name) ? "differs" : null },
							typeof value === "object" && value && !("text" in value) ? JSON.stringify(value) : String(value),
							differs(name) && ` ↔ ${second?.job.params?.[name] ?? "–"}`,
						),
					),
			),
			row("For", owner(job)),
			row("Backend", job.backend),
			row("Device", job.device),
			row("Version", last?.backend_digest && h("code", { title: last.backend_digest }, last.backend_digest.slice(0, 19))),
		),
		h(
			"div.row",
			null,
			h("a", { href: address(["jobs", job.id]) }, "The whole job"),
			h("span.grow"),
			chip(job.status),
			h(
				"button.quiet.danger.small",
				{ onclick: () => remove([job.id]).then((done) => done && go(address(["gallery"]))) },
				icon("trash"),
				"Delete",
			),
		),
	);
}

/** @param {string} name @param {import("./dom.js").Child} value */
export const row = (name, value) =>
	value !== null &&
	value !== undefined &&
	value !== "" &&
	value !== false &&
	h("div", { key: name }, h("dt", null, name), h("dd", null, value));

/** @param {Job} job @param {Artifact} picture */
export function download(job, picture) {
	const link = document.createElement("a");
	link.href = picture.url;
	link.download = `${short(job.id)}-${picture.name}`;
	link.click();
}

/** Asks, and deletes jobs with their files. @param {string[]} ids @returns {Promise<boolean>} */
export async function remove(ids) {
	const one = ids.length === 1 ? state.jobs.get(ids[0]) : undefined;
	const files = ids.reduce((sum, id) => sum + (state.jobs.get(id)?.artifacts.length ?? 0), 0);
	const what = one ? "this job" : count(ids.length, "job");
	const text = `${one ? `“${title(one).slice(0, 160)}”, with` : "With"} ${files === 0 ? "all that is known of it" : count(files, "file")}. It cannot be brought back.`;
	if ((await ask({ title: `Delete ${what}?`, text, yes: "Delete", danger: true })) === null) return false;
	const done = await attempt(async () => {
		for (const id of ids) await state.easel.remove(id);
		return true;
	}, `Deleted ${what}.`);
	return done === true;
}

customElements.define("easel-gallery", Gallery);
