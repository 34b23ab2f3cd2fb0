// What is being typed into the form: it survives a reload. Values are kept as text, so that a seed of 64 bits stays what it is.

import { Exact } from "./client.js";
import { state } from "./state.js";

/** @import { Backend, Field, Job, Json } from "./wire.js" */

/**
 * @typedef {object} Draft
 * @property {string} backend @property {Record<string, string | boolean>} values
 * @property {Record<string, {id: string, mime: string, size: number, label: string}>} inputs
 * @property {number} copies @property {number} priority @property {string} later @property {string} conversation
 */

const PLACE = "easel.draft";
/** @type {Draft} */
const EMPTY = { backend: "", values: {}, inputs: {}, copies: 1, priority: 0, later: "", conversation: "" };

/** @type {Draft} */
export let draft = read();

/** @returns {Draft} */
function read() {
	try {
		return { ...EMPTY, ...JSON.parse(localStorage.getItem(PLACE) ?? "{}") };
	} catch {
		return EMPTY;
	}
}

/** @param {Partial<Draft>} news */
export function change(news) {
	draft = { ...draft, ...news };
	try {
		localStorage.setItem(PLACE, JSON.stringify(draft));
	} catch {
		// Without a storage it lives as long as the page.
	}
	state.changed();
}

/** @param {string} name @param {string | boolean} value empty text is nothing */
export function setValue(name, value) {
	const { [name]: _, ...rest } = draft.values;
	change({ values: value === "" ? rest : { ...rest, [name]: value } });
}

export const clear = () => change({ ...EMPTY, backend: draft.backend });

/** "Again with…": the form as that job had it. @param {Job} job @param {boolean} sameSeed */
export function fill(job, sameSeed) {
	/** @type {Record<string, string | boolean>} */
	const values = {};
	for (const [name, value] of Object.entries(job.params ?? {})) values[name] = textOf(value);
	const result = /** @type {any} */ (job.result);
	if (!sameSeed) delete values.seed;
	else if (values.seed === undefined && result?.seed !== undefined) values.seed = String(result.seed);
	const inputs = Object.fromEntries(
		job.inputs.map((one) => [one.name, { id: one.upload, mime: one.mime, size: one.size, label: "as before" }]),
	);
	change({ ...EMPTY, backend: job.backend, values, inputs, priority: job.priority });
}

/** @param {Json} value @returns {string | boolean} */
function textOf(value) {
	if (typeof value === "boolean") return value;
	if (Array.isArray(value)) return value.map(String).join(", ");
	return value === null ? "" : typeof value === "object" && !(value instanceof Exact) ? JSON.stringify(value) : String(value);
}

/** What kind of field a schema asks for. @param {string} name @param {Field} field */
export function kind(name, field) {
	if (field.enum) return "choice";
	switch (field.type) {
		case "boolean":
			return "switch";
		case "integer":
		case "number": {
			const span = Number(field.maximum) - Number(field.minimum);
			return span > 0 && span <= 100_000 && !name.includes("seed") ? "slider" : "number";
		}
		case "array":
			return "list";
		case "object":
			return "json";
		default:
			return name.includes("prompt") ? "prose" : "text";
	}
}

/**
 * Params as the host gets them, or what is wrong with a field.
 * @param {Backend} backend @returns {{params: Record<string, Json>, wrong: Record<string, string>}}
 */
export function params(backend) {
	/** @type {Record<string, Json>} */ const made = {};
	/** @type {Record<string, string>} */ const wrong = {};
	const fields = backend.params_schema?.properties ?? {};
	for (const [name, field] of Object.entries(fields)) {
		const value = draft.values[name];
		if (value === undefined || value === "") {
			if (backend.params_schema?.required?.includes(name)) wrong[name] = `${field.title ?? name} is needed.`;
			continue;
		}
		try {
			made[name] = valueOf(name, field, value);
		} catch (error) {
			wrong[name] = /** @type {Error} */ (error).message;
		}
	}
	return { params: made, wrong };
}

/** @param {string} name @param {Field} field @param {string | boolean} value @returns {Json} */
function valueOf(name, field, value) {
	const title = field.title ?? name;
	if (typeof value === "boolean") return value;
	if (field.enum) return field.enum.find((one) => String(one) === value) ?? value;
	if (field.type === "integer" || field.type === "number") {
		const text = value.trim();
		const whole = field.type === "integer";
		if (!(whole ? /^-?(0|[1-9]\d*)$/ : /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/).test(text)) {
			throw new Error(`${title} must be a ${whole ? "whole number" : "number"}.`);
		}
		const below = field.minimum !== undefined && Number(text) < Number(field.minimum);
		const above = field.maximum !== undefined && Number(text) > Number(field.maximum);
		if (below || above) throw new Error(`${title} must be from ${field.minimum ?? "any"} to ${field.maximum ?? "any"}.`);
		return new Exact(text);
	}
	if (field.type === "array") {
		const parts = value.split(/[,\n]/).map((part) => part.trim());
		return parts
			.filter(Boolean)
			.map((part) => (field.items?.type === "integer" || field.items?.type === "number" ? new Exact(part) : part));
	}
	if (field.type === "object") return JSON.parse(value);
	return value;
}
