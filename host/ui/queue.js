// Queue: for each device what runs, and below it the line, of which only what is seen is there.

import { View, h, icon } from "./dom.js";
import { line } from "./line.js";
import { ask, attempt } from "./notices.js";
import { bar, chip, chipOf, elapsed, empty, loading, time, tool } from "./parts.js";
import { address, place, refine } from "./router.js";
import { state } from "./state.js";
import { ago, count, deviceState, duration, expected, number, owner, shortly, title, why } from "./words.js";

/** @import { Device, Job, Pause } from "./wire.js" */

/** How many rows are there beyond those that are seen. */
const BEYOND = 8;

class QueueView extends View {
	/** @type {Set<string>} */ #selected = new Set();
	/** The row that the keys are at. @type {string | null} */ #at = null;
	/** What is dragged, and before which row it would go. @type {{id: string, over: number} | null} */ #drag = null;
	#from = 0;
	#seen = 20;

	start() {
		this.closest("main")?.addEventListener("scroll", this.#scroll, { passive: true });
		addEventListener("resize", this.#scroll);
	}
	stop() {
		removeEventListener("resize", this.#scroll);
		line.want(0, 0);
	}

	#rowHeight() {
		return innerWidth < 760 ? 76 : 56;
	}

	#scroll = () => {
		const list = this.querySelector(".rows");
		if (!list) return;
		const main = this.closest("main");
		const view = (main?.scrollHeight ?? 0) > (main?.clientHeight ?? 0) ? (main?.clientHeight ?? innerHeight) : innerHeight;
		const above = Math.max(0, -list.getBoundingClientRect().top + (main?.getBoundingClientRect().top ?? 0));
		const from = Math.max(0, Math.floor(above / this.#rowHeight()) - BEYOND);
		const seen = Math.ceil(view / this.#rowHeight()) + 2 * BEYOND;
		if (from !== this.#from || seen !== this.#seen) {
			this.#from = from;
			this.#seen = seen;
			this.refresh();
		}
	};

	drawn() {
		this.#scroll();
	}

	render() {
		const { queue } = state;
		if (!queue) return [h("div.view", null, h("h1.sr", null, "Queue"), loading(state.connection.status === "away"))];
		const filter = {
			owner: place.query.get("owner") ?? "",
			backend: place.query.get("backend") ?? "",
			status: place.query.get("status") ?? "",
			q: place.query.get("q") ?? "",
		};
		line.filter(filter);
		line.want(this.#from, this.#from + this.#seen);
		return [
			h(
				"div.view",
				null,
				h(
					"header.row.head.wrap",
					null,
					h("h1.grow", null, "Queue"),
					h("p.muted.numbers", null, summary()),
					this.#pauseButton(null, queue.paused, "the queue"),
				),
				queue.disk_full &&
					h(
						"div.banner.warn",
						null,
						h("b", null, "The disk is nearly full."),
						` Nothing starts until there is room: ${queue.disk_full.reason ?? ""}`,
					),
				queue.paused &&
					h(
						"div.banner.warn",
						{ key: "paused" },
						h(
							"span.grow",
							null,
							h("b", null, "The queue is paused"),
							` by ${queue.paused.by} `,
							time(queue.paused.since),
							queue.paused.reason && `: ${queue.paused.reason}`,
						),
					),
				h(
					"section.devices",
					{ "aria-label": "Devices" },
					queue.devices.map((device) => this.#device(device)),
				),
				this.#head(filter),
				this.#list(filter),
			),
		];
	}

	/** @param {string | null} device @param {Pause | null} paused @param {string} what */
	#pauseButton(device, paused, what) {
		const easel = state.easel;
		const pause = async () => {
			const reason = await ask({
				title: `Pause ${what}?`,
				text: "What runs goes on to its end. Nothing new starts until it is resumed.",
				yes: "Pause",
				field: "Reason, for those who wait (if you like)",
			});
			if (reason === null) return;
			const done = () =>
				attempt(
					() => easel.pause(device, reason ? { reason } : {}),
					`Paused ${what}.`,
					() => easel.pause(device, null),
				);
			done();
		};
		const resume = () => attempt(() => easel.pause(device, null), `Resumed ${what}.`);
		return paused
			? h("button.primary.small", { onclick: resume }, icon("play"), "Resume", device && h("span.sr", null, ` ${device}`))
			: h("button.small", { onclick: pause }, icon("pause"), "Pause", h("span.sr", null, ` ${what}`));
	}

	/** @param {Device} device */
	#device(device) {
		const job = device.job ? state.job(device.job) : undefined;
		const how = deviceState(device);
		const tone = how === "Running" || how === "Lent" ? "processing" : how === "Idle" ? "queued" : "pending";
		const free = () => attempt(() => state.easel.unload(device.name), `The memory of ${device.name} is free.`);
		return h(
			"article",
			{ key: device.name, class: ["device", device.busy && "busy"] },
			h(
				"header.row",
				null,
				h("h2.grow.cut", null, device.name),
				chip(tone, how),
				this.#pauseButton(device.name, device.paused, device.name),
			),
			job
				? h(
						"div.running",
						null,
						h(
							"a.thumb",
							{ href: address(["jobs", job.id]), "aria-label": `Open: ${title(job).slice(0, 80) || "job"}` },
							job.preview ? h("img", { src: job.preview, alt: "" }) : icon("image"),
						),
						h(
							"div.grow.stack.tight",
							null,
							h("a.prompt.two-lines.plain", { href: address(["jobs", job.id]), dir: "auto" }, title(job)),
							h("p.muted.small.cut", null, [job.stage ?? "Running", job.backend, owner(job)].join(" · ")),
							bar(job),
							h(
								"p.row.small.number",
								null,
								h("b", null, `${job.progress} %`),
								h("span.muted.grow", null, elapsed(job)),
								h("span.muted", null, expected(job)),
							),
						),
						tool("close", `Cancel ${title(job).slice(0, 60)}`, () => cancel([job.id])),
					)
				: h("p.muted.resting", null, resting(device)),
			h(
				"footer.row.small.muted",
				null,
				h("span.grow", null, `${count(device.length, "job waits", "jobs wait")} for it`),
				device.memory.length > 0 &&
					!device.busy &&
					h("button.quiet.small", { onclick: free, title: `Holds memory for ${device.memory.join(", ")}` }, "Free its memory"),
			),
		);
	}

	/** @param {Record<string, string>} filter */
	#head(filter) {
		const chosen = [...this.#selected].filter((id) => line.has(id));
		if (chosen.length) {
			return h(
				"div.row.tools.chosen",
				{ role: "toolbar", "aria-label": "What is selected" },
				h("b.grow", null, `${number(chosen.length)} selected`),
				h("button.small", { onclick: () => this.#moveMany(chosen, "front") }, icon("front"), "To the front"),
				h("button.small", { onclick: () => this.#moveMany(chosen, "back") }, icon("back"), "To the back"),
				h("button.small", { onclick: () => this.#prioritise(chosen) }, "Priority"),
				h("button.small.danger", { onclick: () => this.#cancel(chosen) }, icon("close"), "Cancel"),
				h("button.quiet.small", { onclick: () => this.#select([]) }, "Clear"),
			);
		}
		const choice = (/** @type {string} */ name, /** @type {string} */ label, /** @type {string[]} */ options) =>
			h(
				"select",
				{ "aria-label": label, value: filter[name], onchange: (/** @type {any} */ event) => refine(name, event.target.value) },
				h("option", { value: "" }, label),
				options.map((one) => h("option", { key: one, value: one }, one)),
			);
		const owners = [...new Set([...line.shown().map((job) => job.user ?? ""), filter.owner])].filter(Boolean).sort();
		return h(
			"div.row.tools.wrap",
			null,
			h("h2.grow", null, "The line"),
			h("input", {
				type: "search",
				placeholder: "Search prompts",
				"aria-label": "Search the prompts of the line",
				value: filter.q,
				oninput: (/** @type {any} */ event) => refine("q", event.target.value),
			}),
			choice("owner", "Everybody", owners),
			choice(
				"backend",
				"All backends",
				(state.backends ?? []).map((one) => one.name),
			),
			choice("status", "All that wait", ["queued", "pending"]),
		);
	}

	/** @param {Record<string, string>} filter */
	#list(filter) {
		const height = this.#rowHeight();
		const total = line.length();
		if (!total) {
			if (!line.known()) return loading(state.connection.status === "away");
			return Object.values(filter).some(Boolean)
				? empty(
						"search",
						"Nothing in line is like that",
						h(
							"button",
							{ onclick: () => ["owner", "backend", "status", "q"].forEach((name) => refine(name, "")) },
							"Show the whole line",
						),
					)
				: empty(
						"queue",
						"Nobody waits",
						"What is submitted now starts as soon as a device is free. ",
						h("a", { href: address(["create"]) }, "Make a picture"),
					);
		}
		const to = Math.min(total, this.#from + this.#seen);
		const rows = [];
		for (let index = this.#from; index < to; index++) rows.push(this.#row(index, line.at(index), height));
		const heads = ["", "", "#", "Job", "For", "Backend", "Priority", "Starts", "Status", ""];
		const classes = ["grip", "check", "place", "what", "owner", "backend", "priority", "start", "status", "tools"];
		return [
			h(
				"div.line-heads",
				{ "aria-hidden": "true" },
				heads.map((text, n) => h(`span.c-${classes[n]}`, null, text)),
			),
			h(
				"div.rows",
				{
					role: "grid",
					"aria-label": "The line",
					"aria-rowcount": total,
					style: { height: `${total * height}px` },
					onkeydown: (/** @type {KeyboardEvent} */ event) => this.#key(event),
				},
				h("div", { role: "rowgroup" }, rows),
			),
		];
	}

	/** @param {number} index @param {Job | undefined} job @param {number} height */
	#row(index, job, height) {
		const style = { transform: `translateY(${index * height}px)`, height: `${height}px` };
		if (!job)
			return h(
				"div",
				{ key: `place ${index}`, class: "line-row", role: "row", style, "aria-rowindex": index + 1 },
				h("span.muted", { role: "gridcell" }, "…"),
			);
		const id = job.id;
		const selected = this.#selected.has(id);
		const focusable = this.#at === id || (index === this.#from && !(this.#at && line.has(this.#at)));
		const toggle = () => this.#select(selected ? [...this.#selected].filter((one) => one !== id) : [...this.#selected, id]);
		return h(
			"div",
			{
				key: id,
				role: "row",
				class: ["line-row", selected && "selected", this.#drag?.id === id && "dragged", this.#drag?.over === index && "over"],
				style,
				tabindex: focusable ? 0 : -1,
				"aria-rowindex": index + 1,
				"aria-selected": String(selected),
				"data-job": id,
				onfocus: () => (this.#at = id),
			},
			h(
				"span.c-grip",
				{
					role: "gridcell",
					"aria-hidden": "true",
					onpointerdown: (/** @type {PointerEvent} */ event) => this.#grab(event, id),
				},
				icon("grip"),
			),
			h(
				"span.c-check",
				{ role: "gridcell" },
				h("input", {
					type: "checkbox",
					".checked": selected,
					onchange: toggle,
					tabindex: -1,
					"aria-label": `Select ${title(job).slice(0, 60) || "job"}`,
				}),
			),
			h(
				"span.c-place.number",
				{ role: "gridcell" },
				job.status === "queued" && job.queue_position ? number(job.queue_position) : "–",
			),
			h(
				"span.c-what",
				{ role: "gridcell" },
				h("a.plain.prompt.cut", { href: address(["jobs", id]), tabindex: -1, dir: "auto", title: title(job) }, title(job) || "…"),
				h("span.muted.small.cut.why", null, why(job)),
			),
			h("span.c-owner.cut.small", { role: "gridcell" }, owner(job)),
			h("span.c-backend.cut.small.muted", { role: "gridcell" }, job.backend),
			h(
				"span.c-priority.number.small",
				{ role: "gridcell", title: "Priority" },
				job.priority ? `${job.priority > 0 ? "+" : ""}${job.priority}` : "",
			),
			h(
				"span.c-start.small.number.muted",
				{
					role: "gridcell",
					title: job.estimated_start_at ? `Expected to start at ${shortly(job.estimated_start_at)}` : null,
				},
				expected(job),
			),
			h("span.c-status", { role: "gridcell" }, chipOf(job)),
			h(
				"span.c-tools",
				{ role: "gridcell" },
				tool("front", "To the front of the line", () => this.#move(id, { to: "front" }), { tabindex: -1 }),
				tool("close", "Cancel it", () => this.#cancel([id]), { tabindex: -1 }),
			),
		);
	}

	/** @param {string[]} ids */
	#select(ids) {
		this.#selected = new Set(ids);
		this.refresh();
	}

	/** @param {string} id @param {{to: string} | {before: string}} where */
	#move(id, where) {
		const after = line.after(id);
		const back = () => state.easel.move(id, after ? { before: after } : { to: "back" });
		return attempt(
			() => state.easel.move(id, where),
			(job) => (job.queue_position ? `Moved. It is number ${number(job.queue_position)} in line now.` : "Moved."),
			back,
		);
	}

	/** @param {string[]} ids @param {"front" | "back"} to */
	#moveMany(ids, to) {
		// To the front the last one goes first, so that they keep their order.
		const order = line.sorted(ids);
		if (to === "front") order.reverse();
		attempt(
			async () => {
				for (const id of order) await state.easel.move(id, { to });
			},
			`Moved ${count(ids.length, "job")} to the ${to} of the line.`,
		);
	}

	/** @param {string[]} ids */
	async #prioritise(ids) {
		const text = await ask({
			title: `Priority of ${count(ids.length, "job")}`,
			text: "From -100 to 100. More starts earlier.",
			yes: "Set it",
			field: "Priority",
		});
		const wanted = Number(text);
		if (text === null || text.trim() === "" || !Number.isInteger(wanted)) return;
		const before = ids.map((id) => [id, state.jobs.get(id)?.priority ?? 0]);
		const set = async (/** @type {any[][]} */ pairs) => {
			for (const [id, priority] of pairs) await state.easel.prioritise(id, priority);
		};
		attempt(
			() => set(ids.map((id) => [id, wanted])),
			`Priority ${wanted} for ${count(ids.length, "job")}.`,
			() => set(before),
		);
	}

	/** @param {string[]} ids */
	async #cancel(ids) {
		if (await cancel(ids)) this.#select([]);
	}

	/** @param {KeyboardEvent} event */
	#key(event) {
		const row = /** @type {HTMLElement} */ (event.target).closest?.("[data-job]");
		const id = row?.getAttribute("data-job");
		if (!id || /** @type {HTMLElement} */ (event.target).tagName === "BUTTON") return;
		const index = line.indexOf(id);
		const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -index, End: line.length() - 1 - index }[
			event.key
		];
		if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
			const other = line.at(event.key === "ArrowUp" ? index - 1 : index + 2)?.id;
			if (other) this.#move(id, { before: other });
			else if (event.key === "ArrowDown") this.#move(id, { to: "back" });
		} else if (step !== undefined && !event.altKey) this.#goTo(Math.max(0, Math.min(line.length() - 1, index + step)));
		else if (event.key === " ")
			this.#select(this.#selected.has(id) ? [...this.#selected].filter((one) => one !== id) : [...this.#selected, id]);
		else if (event.key === "a" && (event.ctrlKey || event.metaKey)) this.#select(line.shown().map((job) => job.id));
		else if (event.key === "Enter") location.hash = address(["jobs", id]);
		else if (event.key === "Delete") this.#cancel(this.#selected.size ? [...this.#selected] : [id]);
		else return;
		event.preventDefault();
	}

	/** @param {number} index */
	#goTo(index) {
		const id = line.at(index)?.id;
		if (!id) return;
		this.#at = id;
		this.refresh();
		requestAnimationFrame(() =>
			requestAnimationFrame(() => {
				const row = this.querySelector(`[data-job="${id}"]`);
				if (row instanceof HTMLElement) (row.focus({ preventScroll: true }), row.scrollIntoView({ block: "nearest" }));
			}),
		);
	}

	/** @param {PointerEvent} event @param {string} id */
	#grab(event, id) {
		event.preventDefault();
		const grip = /** @type {HTMLElement} */ (event.currentTarget);
		grip.setPointerCapture(event.pointerId);
		const list = this.querySelector(".rows");
		const where = (/** @type {PointerEvent} */ moved) =>
			Math.max(
				0,
				Math.min(line.length(), Math.round((moved.clientY - (list?.getBoundingClientRect().top ?? 0)) / this.#rowHeight())),
			);
		grip.onpointermove = (moved) => {
			this.#drag = { id, over: where(moved) };
			this.refresh();
		};
		grip.onpointercancel = () => ((this.#drag = null), (grip.onpointermove = grip.onpointerup = null), this.refresh());
		grip.onpointerup = (moved) => {
			const over = where(moved);
			grip.onpointermove = grip.onpointerup = null;
			const dragged = this.#drag;
			this.#drag = null;
			this.refresh();
			if (!dragged) return;
			const from = line.indexOf(id);
			if (over === from || over === from + 1) return;
			const other = line.at(over)?.id;
			this.#move(id, other ? { before: other } : { to: "back" });
		};
	}
}

/** How the queue is, in numbers. */
function summary() {
	const { queue } = state;
	if (!queue) return "";
	const running = queue.devices.filter((one) => one.busy).length;
	const parts = [`${number(running)} running`, `${number(queue.length)} queued`];
	if (queue.pending) parts.push(`${number(queue.pending)} pending`);
	if (queue.mean_seconds !== null) parts.push(`${duration(queue.mean_seconds)} each`);
	return parts.join(" · ");
}

/** What a device does that runs no job that is seen. @param {Device} device */
function resting(device) {
	if (device.dirty)
		return `A job was cut short here. ${device.backend ?? "Its backend"} is being asked until the engine is idle.`;
	if (device.paused) return [`Paused by ${device.paused.by}`, device.paused.reason].filter(Boolean).join(": ");
	if (device.busy) return `Busy with ${device.backend ?? "a job"} ${device.since ? `since ${shortly(device.since)}` : ""}`;
	return "Idle. The next job starts at once.";
}

/** Asks, and cancels. @param {string[]} ids @returns {Promise<boolean>} */
export async function cancel(ids) {
	const one = ids.length === 1 ? title(state.jobs.get(ids[0])) : "";
	const text = one ? `“${one.slice(0, 200)}”` : "They leave the line, and what runs of them is stopped.";
	if (
		(await ask({
			title: `Cancel ${ids.length === 1 ? "this job" : count(ids.length, "job")}?`,
			text,
			yes: ids.length === 1 ? "Cancel the job" : `Cancel ${number(ids.length)}`,
			danger: true,
		})) === null
	)
		return false;
	const done = await attempt(
		/** @returns {Promise<unknown>} */ () =>
			ids.length === 1 ? state.easel.tell(ids[0], "cancel") : state.easel.cancelMany({ ids }),
		ids.length === 1 ? "Cancelled." : `Cancelled ${count(ids.length, "job")}.`,
	);
	return done !== undefined;
}

customElements.define("easel-queue", QueueView);
