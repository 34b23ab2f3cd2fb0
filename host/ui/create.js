// Create: a form made of what the backend says it takes, and beside it what was sent from here.

import { Exact } from "./client.js";
import { View, h, icon } from "./dom.js";
import { draft, change, clear, kind, params, setValue } from "./draft.js";
import { attempt, sentence } from "./notices.js";
import { card, empty, loading, tool } from "./parts.js";
import { address } from "./router.js";
import { state } from "./state.js";
import { forget, forgetAll, sent, submit } from "./submissions.js";
import { duration, number, ordinal, size } from "./words.js";

/** @import { Backend, Field, Json } from "./wire.js" */

/** What most people change. The rest is folded away. */
const COMMON = [
	"prompt",
	"negative_prompt",
	"width",
	"height",
	"steps",
	"cfg_scale",
	"seed",
	"count",
	"batch_size",
	"checkpoint",
	"sampler_name",
];
/** Shapes, as parts of a square's side. @type {[string, number, number][]} */
const ASPECTS = [
	["1:1", 1, 1],
	["4:3", 4, 3],
	["3:2", 3, 2],
	["16:9", 16, 9],
	["3:4", 3, 4],
	["2:3", 2, 3],
	["9:16", 9, 16],
];
/** Under which name a catalogue lists what a field takes. @type {Record<string, string>} */
const LISTED = {
	checkpoint: "models",
	sampler_name: "samplers",
	scheduler: "schedulers",
	hr_upscaler: "upscalers",
	styles: "styles",
	modules: "modules",
};

class Create extends View {
	/** What is wrong, by field; told once somebody has tried to send. @type {Record<string, string>} */ #wrong = {};
	#uploading = 0;

	start() {
		this.onpaste = (event) => {
			const file = [...(event.clipboardData?.files ?? [])].find((one) => one.type.startsWith("image/"));
			const [name] = this.#inputs(this.#backend());
			if (file && name) (event.preventDefault(), this.#upload(name, file));
		};
	}

	#backend() {
		const all = state.backends ?? [];
		return all.find((one) => one.name === draft.backend) ?? all.find((one) => one.default) ?? all[0];
	}

	render() {
		const backend = this.#backend();
		return [
			h(
				"div.studio",
				null,
				h("section.panel", { "aria-label": "What to make" }, this.#form(backend)),
				h("section.made", { "aria-label": "Sent from here" }, this.#made()),
			),
		];
	}

	/** @param {Backend | undefined} backend */
	#form(backend) {
		if (!state.backends) return loading(state.connection.status === "away");
		if (!backend) return empty("backends", "There is no backend", "An operator adds one to easel.toml.");
		const fields = Object.entries(backend.params_schema?.properties ?? {});
		const common = COMMON.map((name) => fields.find(([known]) => known === name)).filter((one) => one !== undefined);
		const needed = fields.filter(([name]) => !COMMON.includes(name) && backend.params_schema?.required?.includes(name));
		const rest = fields.filter(([name]) => !COMMON.includes(name) && !needed.some(([known]) => known === name));
		const shaped = ["width", "height"].every((name) => fields.some(([known]) => known === name));
		const send = (/** @type {Event} */ event) => (event.preventDefault(), this.#send(backend));
		return h(
			"form.create",
			{
				onsubmit: send,
				onkeydown: (/** @type {KeyboardEvent} */ event) =>
					(event.ctrlKey || event.metaKey) && event.key === "Enter" && send(event),
				novalidate: true,
			},
			h("h1.sr", null, "Create"),
			this.#choice(backend),
			backend.params_schema
				? [
						[...common, ...needed].map(([name, field]) => {
							if (shaped && name === "height") return null;
							if (shaped && name === "width") return this.#shape(backend, fields);
							return this.#field(backend, name, field);
						}),
						this.#inputs(backend).map((name) => this.#input(backend, name)),
						h(
							"details.fold",
							{ key: "more" },
							h("summary", null, "More", this.#folded(rest) && h("span.badge", null, this.#folded(rest))),
							h(
								"div.stack",
								null,
								rest.map(([name, field]) => this.#field(backend, name, field)),
								this.#terms(),
							),
						),
					]
				: h("p.hint.warn", null, `${backend.name} cannot say what it takes: ${backend.health.detail}`),
			h("div.send", null, this.#button(backend)),
		);
	}

	/** How many of the folded fields are set. @param {[string, Field][]} rest */
	#folded(rest) {
		const set = rest.filter(([name]) => draft.values[name] !== undefined).length;
		return set + (draft.priority ? 1 : 0) + (draft.later ? 1 : 0) + (draft.conversation ? 1 : 0) || "";
	}

	/** @param {Backend} backend */
	#choice(backend) {
		const all = state.backends ?? [];
		const health = backend.health.status;
		return h(
			"div.field",
			{ key: "backend" },
			h(
				"div.row",
				null,
				h("label", { for: "backend", class: "grow" }, "Backend"),
				Object.keys(draft.values).length > 0 &&
					h("button", { type: "button", class: "quiet small", onclick: () => ((this.#wrong = {}), clear()) }, "Clear the form"),
			),
			h(
				"select",
				{
					id: "backend",
					value: backend.name,
					onchange: (/** @type {any} */ event) => ((this.#wrong = {}), change({ backend: event.target.value })),
				},
				all.map((one) =>
					h(
						"option",
						{ key: one.name, value: one.name },
						one.name + (one.health.status === "ok" || one.health.status === "unknown" ? "" : ` (${one.health.status})`),
					),
				),
			),
			!["ok", "unknown"].includes(health) &&
				h("p.hint.warn", null, sentence(`${backend.health.detail}`), " Jobs for it wait until it is back."),
		);
	}

	/** @param {Backend} backend @param {string} name @param {Field} field */
	#field(backend, name, field) {
		const id = `field-${name}`;
		const wrong = this.#wrong[name];
		const value = draft.values[name];
		const shown = value ?? "";
		const standard = field.default === undefined || field.default === null || field.default === "" ? "" : String(field.default);
		const said = { id, name, "aria-describedby": `${id}-hint`, "aria-invalid": wrong ? "true" : null };
		const typed = (/** @type {any} */ event) => (this.#mend(name), setValue(name, event.target.value));
		const kindOf = kind(name, field);
		const label = h("label", { for: id, class: "grow" }, field.title ?? name);
		const hint = [
			h("p.hint", { id: `${id}-hint` }, wrong ? h("span.wrong", null, wrong) : kindOf === "prose" ? null : field.description),
		];
		if (kindOf === "switch") {
			const on = value === undefined ? field.default === true : value === true;
			return h(
				"div.field",
				{ key: name },
				h(
					"div.row",
					null,
					label,
					h("input", {
						...said,
						type: "checkbox",
						class: "switch",
						".checked": on,
						onchange: (/** @type {any} */ event) => setValue(name, event.target.checked),
					}),
				),
				hint,
			);
		}
		if (kindOf === "choice") {
			const options = (field.enum ?? []).map(String);
			return h(
				"div.field",
				{ key: name },
				label,
				h(
					"select",
					{ ...said, value: String(shown || standard), onchange: typed },
					!standard && h("option", { value: "" }, "as the backend likes"),
					options.map((one) => h("option", { key: one, value: one }, one)),
				),
				hint,
			);
		}
		if (kindOf === "slider") {
			const now = String(shown || standard || field.minimum || 0);
			const step = field.type === "integer" ? "1" : "any";
			const [min, max] = [String(field.minimum), String(field.maximum)];
			return h(
				"div.field.slider",
				{ key: name },
				h(
					"div.row",
					null,
					label,
					h("input", {
						...said,
						class: "number short",
						inputmode: "decimal",
						".value": String(shown),
						placeholder: standard || "auto",
						oninput: typed,
						autocomplete: "off",
					}),
				),
				h("input", {
					type: "range",
					min,
					max,
					step: step === "any" ? String((Number(max) - Number(min)) / 100) : step,
					".value": now,
					oninput: typed,
					"aria-label": `${field.title ?? name}, as a slider`,
					tabindex: -1,
				}),
				hint,
			);
		}
		if (kindOf === "prose" || kindOf === "json") {
			const main = name === "prompt";
			return h(
				"div.field",
				{ key: name },
				h("div.row", null, label),
				h("textarea", {
					...said,
					".value": String(shown),
					rows: main ? 4 : 2,
					class: main && "main",
					dir: "auto",
					placeholder: main ? "A red fox at sunset, in the snow…" : standard,
					oninput: typed,
					spellcheck: "true",
				}),
				hint,
			);
		}
		const listed = this.#listed(backend, name, field);
		const seed = name.includes("seed");
		return h(
			"div.field",
			{ key: name },
			h("div.row", null, label),
			h(
				"div.row",
				null,
				h("input", {
					...said,
					class: ["grow", kindOf === "number" && "number"],
					inputmode: kindOf === "number" ? "numeric" : null,
					".value": String(shown),
					placeholder: standard || (seed ? "random" : ""),
					oninput: typed,
					list: listed.length ? `${id}-list` : null,
					autocomplete: "off",
				}),
				seed && tool("dice", "Draw a seed", () => setValue(name, drawn(field)), { type: "button" }),
			),
			listed.length > 0 &&
				h(
					"datalist",
					{ id: `${id}-list` },
					listed.map((one) => h("option", { key: one, value: one })),
				),
			hint,
		);
	}

	/** What the engine's catalogue has for a field. @param {Backend} backend @param {string} name @param {Field} field @returns {string[]} */
	#listed(backend, name, field) {
		const catalog = /** @type {Record<string, Json> | null} */ (backend.catalog);
		const list = catalog?.[field["x-easel-options"] ?? LISTED[name] ?? ""];
		if (!Array.isArray(list)) return [];
		return list
			.map((one) =>
				typeof one === "string" ? one : String(/** @type {any} */ (one)?.name ?? /** @type {any} */ (one)?.title ?? ""),
			)
			.filter(Boolean);
	}

	/** Width and height: shapes first, numbers beside. @param {Backend} backend @param {[string, Field][]} fields */
	#shape(backend, fields) {
		const find = (/** @type {string} */ name) => /** @type {Field} */ (fields.find(([known]) => known === name)?.[1]);
		const now = (/** @type {string} */ name) => Number(draft.values[name] ?? find(name).default ?? 512);
		const [w, height] = [now("width"), now("height")];
		const side = Math.sqrt(w * height) || 512;
		const choose = (/** @type {number} */ a, /** @type {number} */ b) => {
			const round = (/** @type {number} */ size) => Math.round(size / 64) * 64 || 64;
			const limit = Math.min(Number(find("width").maximum ?? 2048), Number(find("height").maximum ?? 2048));
			const scale = Math.min(side / Math.sqrt(a * b), limit / Math.max(a, b));
			delete this.#wrong.width;
			delete this.#wrong.height;
			change({ values: { ...draft.values, width: String(round(a * scale)), height: String(round(b * scale)) } });
		};
		const fits = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(w / height / (a / b) - 1) < 0.06;
		const edit = (/** @type {string} */ name) => (/** @type {any} */ event) => (
			this.#mend(name),
			setValue(name, event.target.value)
		);
		const swap = () => change({ values: { ...draft.values, width: String(height), height: String(w) } });
		const wrong = this.#wrong.width ?? this.#wrong.height;
		const box = (/** @type {string} */ name) =>
			h("input", {
				id: `field-${name}`,
				name,
				class: "number short",
				inputmode: "numeric",
				"aria-label": `${find(name).title ?? name} in pixels`,
				"aria-invalid": this.#wrong[name] ? "true" : null,
				".value": String(draft.values[name] ?? ""),
				placeholder: String(find(name).default ?? "auto"),
				oninput: edit(name),
				autocomplete: "off",
			});
		return h(
			"div.field",
			{ key: "shape", role: "group", "aria-label": "Size" },
			h(
				"div.row",
				null,
				h("span.label.grow", null, "Size"),
				box("width"),
				tool("swap", "Swap width and height", swap, { type: "button" }),
				box("height"),
			),
			h(
				"div.aspects",
				null,
				ASPECTS.map(([name, a, b]) =>
					h(
						"button",
						{ key: name, type: "button", class: "aspect", "aria-pressed": String(fits(a, b)), onclick: () => choose(a, b) },
						h("span.shape", {
							style: {
								width: `${Math.round((18 * a) / Math.max(a, b))}px`,
								height: `${Math.round((18 * b) / Math.max(a, b))}px`,
							},
						}),
						name,
					),
				),
			),
			wrong && h("p.hint", null, h("span.wrong", null, wrong)),
		);
	}

	/** @param {Backend | undefined} backend */
	#inputs(backend) {
		return backend?.inputs ?? Object.keys(backend?.params_schema?.["x-inputs"] ?? {});
	}

	/** @param {Backend} backend @param {string} name */
	#input(backend, name) {
		const about = backend.params_schema?.["x-inputs"]?.[name];
		const file = draft.inputs[name];
		const remove = () => {
			const { [name]: _, ...rest } = draft.inputs;
			change({ inputs: rest });
		};
		const take = (/** @type {any} */ event) => event.target.files[0] && this.#upload(name, event.target.files[0]);
		const drop = (/** @type {DragEvent} */ event) => {
			event.preventDefault();
			const dropped = event.dataTransfer?.files[0];
			if (dropped) this.#upload(name, dropped);
		};
		const id = `input-${name}`;
		return h(
			"div.field",
			{ key: id },
			h("span.label", null, about?.title ?? name),
			file
				? h(
						"div.row.file",
						null,
						icon("image"),
						h("span.grow.cut", null, `${file.label} · ${size(file.size)}`),
						tool("close", `Remove ${about?.title ?? name}`, remove, { type: "button" }),
					)
				: h(
						"label.drop",
						{ for: id, ondrop: drop, ondragover: (/** @type {Event} */ event) => event.preventDefault() },
						h("input", { id, type: "file", accept: "image/*", class: "sr", onchange: take, "aria-label": about?.title ?? name }),
						icon("image"),
						h("span", null, "Drop, paste or ", h("b", null, "choose"), " a picture"),
					),
			h("p.hint", null, about?.description),
		);
	}

	/** @param {string} name @param {File} file */
	async #upload(name, file) {
		this.#uploading++;
		this.refresh();
		const made = await attempt(() => state.easel.upload(file));
		this.#uploading--;
		if (made)
			change({
				inputs: { ...draft.inputs, [name]: { id: made.id, mime: made.mime, size: made.size, label: file.name || "Picture" } },
			});
		this.refresh();
	}

	/** How many, how urgent, when, and where it belongs. */
	#terms() {
		return [
			h(
				"div.field",
				{ key: "priority" },
				h(
					"div.row",
					null,
					h("label", { for: "priority", class: "grow" }, "Priority"),
					h("input", {
						id: "priority",
						class: "number short",
						type: "number",
						min: -100,
						max: 100,
						".value": String(draft.priority),
						onchange: (/** @type {any} */ event) =>
							change({ priority: Math.min(100, Math.max(-100, Math.round(Number(event.target.value)) || 0)) }),
					}),
				),
				h("p.hint", null, "From -100 to 100. More starts earlier."),
			),
			h(
				"div.field",
				{ key: "later" },
				h("label", { for: "later" }, "Not before"),
				h("input", {
					id: "later",
					type: "datetime-local",
					".value": draft.later,
					onchange: (/** @type {any} */ event) => change({ later: event.target.value }),
				}),
			),
			h(
				"div.field",
				{ key: "conversation" },
				h("label", { for: "conversation" }, "Conversation"),
				h("input", {
					id: "conversation",
					".value": draft.conversation,
					placeholder: "none",
					autocomplete: "off",
					oninput: (/** @type {any} */ event) => change({ conversation: event.target.value }),
				}),
			),
		];
	}

	/** The button says what will happen. @param {Backend} backend */
	#button(backend) {
		const { copies } = draft;
		const devices = (state.queue?.devices ?? []).filter((one) => backend.devices.includes(one.name));
		const before = devices.reduce((most, one) => Math.max(most, one.length), 0);
		const free = devices.some((one) => !one.busy && !one.paused && !one.dirty) && before === 0;
		const each = backend.estimates?.mean_seconds ?? state.queue?.mean_seconds ?? null;
		const rounds = (before + copies + (free ? 0 : 0.5)) / Math.max(1, devices.length);
		const stands = state.queue?.paused
			? "the queue is paused"
			: devices.length && devices.every((one) => one.paused)
				? "its device is paused"
				: null;
		const when = draft.later ? "later" : (stands ?? (free ? "starts at once" : `${ordinal(before + 1)} in line`));
		const long = each && !stands && !draft.later ? `, about ${duration(Math.max(each, each * rounds))}` : "";
		return [
			h(
				"div.row.copies",
				{ role: "group", "aria-label": "How many" },
				[1, 2, 4, 8].map((n) =>
					h(
						"button",
						{
							key: n,
							type: "button",
							class: "aspect number",
							"aria-pressed": String(copies === n),
							"aria-label": `${n} of it`,
							onclick: () => change({ copies: n }),
						},
						`×${n}`,
					),
				),
			),
			h(
				"button.primary.big.grow",
				{ id: "send", disabled: this.#uploading > 0 || !backend.params_schema },
				h("span", null, copies > 1 ? `Make ${number(copies)}` : "Make it"),
				h("small", null, this.#uploading ? "a file is on its way" : `${when}${long}`),
			),
		];
	}

	/** @param {string} name */
	#mend(name) {
		if (this.#wrong[name]) this.#wrong = { ...this.#wrong, [name]: "" };
	}

	/** @param {Backend} backend */
	async #send(backend) {
		const { params: made, wrong } = params(backend);
		this.#wrong = wrong;
		const [first] = Object.keys(wrong);
		if (first) return this.#show(first);
		const { copies, priority, later, conversation } = draft;
		const known = this.#inputs(backend);
		const inputs = Object.entries(draft.inputs)
			.filter(([name]) => known.includes(name))
			.map(([name, file]) => ({ name, upload: file.id }));
		const envelopes = Array.from({ length: copies }, (_, index) => {
			const field = backend.params_schema?.properties?.seed;
			const shifted = made.seed === undefined || index === 0 ? made : { ...made, seed: seedOf(String(made.seed), index, field) };
			return {
				params: shifted,
				backend: backend.name,
				...(inputs.length ? { inputs } : {}),
				...(priority ? { priority } : {}),
				...(later ? { not_before: new Date(later).toISOString() } : {}),
				...(conversation.trim() ? { conversation_id: conversation.trim() } : {}),
			};
		});
		const refused = await submit({ backend: backend.name, prompt: String(made.prompt ?? ""), envelopes });
		const field = refused?.field?.match(/params\.(\w+)/)?.[1];
		if (refused && field && field in (backend.params_schema?.properties ?? {})) {
			this.#wrong = { [field]: sentence(refused.message) };
			this.#show(field);
		}
	}

	/** @param {string} name */
	#show(name) {
		this.refresh();
		const input = this.querySelector(`#field-${CSS.escape(name)}`);
		if (input instanceof HTMLElement) {
			const fold = input.closest("details");
			if (fold) fold.open = true;
			input.focus();
		}
	}

	#made() {
		const all = sent();
		if (!all.length)
			return empty(
				"create",
				"Your pictures appear here",
				"Say what to paint. A card is here at once, with its place in line, and stays true to the end. What was made before is in the ",
				h("a", { href: address(["gallery"]) }, "gallery"),
				".",
			);
		return [
			h(
				"div.row.head",
				null,
				h("h2.grow", null, "Sent from here"),
				h("button.quiet.small", { onclick: forgetAll }, "Clear the list"),
			),
			h(
				"div.cards",
				null,
				all.flatMap((one) => {
					if (one.status === "refused") return [refusal(one)];
					if (one.status === "sending")
						return [
							h(
								"article",
								{ key: one.key, class: "card job" },
								h("div.picture.place.sending", null, icon("image")),
								h(
									"div.caption",
									null,
									h("p.prompt.two-lines", null, one.prompt),
									h("p.muted.small", null, "On its way to the host…"),
								),
							),
						];
					return one.ids.map((id) => {
						const job = state.job(id);
						return job
							? card(job)
							: state.gone.has(id)
								? null
								: h("article", { key: id, class: "card job" }, h("div.picture.place", null, icon("image")));
					});
				}),
			),
		];
	}
}

/** @param {import("./submissions.js").Submission} one */
function refusal(one) {
	return h(
		"article",
		{ key: one.key, class: "card job error" },
		h(
			"div.caption",
			null,
			h("p.prompt.two-lines", null, one.prompt),
			h("p.wrong.small", null, `It was not taken: ${one.why}`),
			h("button.quiet.small", { onclick: () => forget(one.key) }, "Dismiss"),
		),
	);
}

/** A seed within its bounds. @param {Field} field */
function drawn(field) {
	const most = BigInt(String(field.maximum ?? 2 ** 31 - 1));
	const [a, b] = crypto.getRandomValues(new BigUint64Array(2));
	return String((a ^ b) % (most + 1n));
}

/** The seed of a later copy. @param {string} first @param {number} index @param {Field | undefined} field */
function seedOf(first, index, field) {
	const seed = BigInt(first) + BigInt(index);
	const most = BigInt(String(field?.maximum ?? 2 ** 31 - 1));
	return new Exact(String(seed > most ? seed - most - 1n : seed));
}

customElements.define("easel-create", Create);
