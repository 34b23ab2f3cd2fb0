// Backends: what can make something here, how it is, and what it is granted.

import { View, h, icon } from "./dom.js";
import { change } from "./draft.js";
import { chip, empty, loading } from "./parts.js";
import { row } from "./gallery.js";
import { address, go } from "./router.js";
import { state } from "./state.js";
import { count, duration, number, size, word, words } from "./words.js";

/** @import { Backend, Json } from "./wire.js" */

const TONES = /** @type {Record<string, string>} */ ({
	ok: "complete",
	unavailable: "pending",
	failed: "error",
	broken: "error",
	loading: "processing",
});

class Backends extends View {
	/** Health changes without an event: it is asked about while somebody looks. @type {ReturnType<typeof setInterval> | undefined} */ #timer;

	start() {
		this.#timer = setInterval(() => !document.hidden && state.connection.status === "live" && state.readBackends(), 5000);
	}
	stop() {
		clearInterval(this.#timer);
	}

	render() {
		const all = state.backends;
		return [
			h(
				"div.view",
				null,
				h("header.row.head", null, h("h1.grow", null, "Backends"), all && h("p.muted", null, count(all.length, "backend"))),
				!all
					? loading(state.connection.status === "away")
					: all.length
						? h("div.backends", null, all.map(cardOf))
						: empty("backends", "There is no backend", "An operator names one in easel.toml."),
			),
		];
	}
}

/** @param {Backend} backend */
function cardOf(backend) {
	const { capabilities: granted, estimates, health } = backend;
	const waiting = (state.queue?.standing ?? []).find((one) => one.backend === backend.name);
	const running = (state.queue?.processing ?? []).filter((job) => job.backend === backend.name).length;
	const use = () => (change({ backend: backend.name }), go(address(["create"])));
	const params = Object.keys(backend.params_schema?.properties ?? {});
	return h(
		"article",
		{ key: backend.name, class: "box backend" },
		h(
			"header.row",
			null,
			h("span.logo", null, icon("backends")),
			h(
				"div.grow",
				null,
				h("h2.cut", null, backend.name),
				h("p.muted.small.cut", null, [backend.component, backend.version].filter(Boolean).join(" ")),
			),
			chip(TONES[health.status] ?? "queued", word(words.health, health.status)),
		),
		h("p", null, backend.summary ?? ""),
		health.detail &&
			h(
				"p",
				{ class: ["small", TONES[health.status] === "complete" ? "muted" : "notes"] },
				health.detail[0].toUpperCase() + health.detail.slice(1),
			),
		waiting && h("p.small.notes", null, `${count(waiting.jobs, "job waits", "jobs wait")}: ${waiting.waiting_detail ?? ""}`),
		h(
			"dl.facts",
			null,
			row(
				"Devices",
				h(
					"span.tags",
					null,
					backend.devices.map((one) => h("span", { key: one, class: "tag" }, one)),
				),
			),
			row("Now", running ? `${number(running)} running` : "nothing running"),
			row(
				"Of late",
				estimates &&
					`${duration(estimates.mean_seconds)} each, forecasts off by ${duration(estimates.mean_error_seconds)} (${count(estimates.jobs, "job")})`,
			),
			row("Network", granted.allow_hosts.length ? granted.allow_hosts.map((one) => h("code", { key: one }, `${one} `)) : "none"),
			row(
				"Limits",
				`${duration(granted.timeout_s)} an attempt, ${duration(granted.stall_s)} without news, ${size(granted.artifact_quota)} of files, ${count(granted.max_attempts, "attempt")}`,
			),
			row(
				"Takes",
				folded(
					params.map((one) => one.replaceAll("_", " ")),
					"param",
				),
			),
			row("Inputs", backend.inputs && backend.inputs.length > 0 && backend.inputs.join(", ")),
			catalog(backend.catalog),
			row("Digest", backend.digest && h("code", { title: backend.digest, class: "wrap-anywhere" }, backend.digest.slice(0, 23))),
		),
		h(
			"footer.row",
			null,
			backend.default && h("span.muted.small.grow", null, "The default"),
			!backend.default && h("span.grow"),
			backend.params_schema && h("button", { onclick: use }, icon("create"), "Make something with it"),
		),
	);
}

/** What the engine lists. @param {Json} catalog */
function catalog(catalog) {
	if (!catalog || typeof catalog !== "object" || Array.isArray(catalog)) return null;
	const lists = Object.entries(catalog).filter(([, list]) => Array.isArray(list) && list.length > 0);
	return lists.map(([name, list]) => {
		const names = /** @type {any[]} */ (list)
			.map((one) => (typeof one === "string" ? one : (one?.name ?? one?.title ?? "")))
			.filter(Boolean);
		return row(name.replaceAll("_", " "), folded(names, "entry", "entries"));
	});
}

/** Many names, folded away. @param {string[]} names @param {string} one @param {string} [many] */
const folded = (names, one, many) =>
	names.length > 8 ? h("details", null, h("summary", null, count(names.length, one, many)), names.join(", ")) : names.join(", ");

customElements.define("easel-backends", Backends);
