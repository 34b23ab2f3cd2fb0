// What the page tells in passing: notices in the corner, which a screen reader hears too, and questions before something is destroyed.

import { Problem } from "./client.js";
import { View, h, icon } from "./dom.js";
import { state } from "./state.js";

/** @typedef {{id: number, text: string, bad: boolean, undo: (() => Promise<unknown>) | null}} Notice */

/** @type {Notice[]} */
let notices = [];
let last = 0;

/** @param {string} text @param {{bad?: boolean, undo?: () => Promise<unknown>}} [more] */
export function notice(text, { bad = false, undo } = {}) {
	const id = ++last;
	notices = [...notices.filter((one) => one.text !== text).slice(-2), { id, text, bad, undo: undo ?? null }];
	setTimeout(() => drop(id), bad || undo ? 10_000 : 4000);
	state.changed();
}

/** @param {number} id */
function drop(id) {
	notices = notices.filter((one) => one.id !== id);
	state.changed();
}

/**
 * Does something for a person and tells how it went: `done` if it did, and why if not.
 * @template T @param {() => Promise<T>} deed @param {string | ((result: T) => string)} [done]
 * @param {() => Promise<unknown>} [undo] @returns {Promise<T | undefined>}
 */
export async function attempt(deed, done, undo) {
	try {
		const result = await deed();
		const text = typeof done === "function" ? done(result) : done;
		if (text) notice(text, { undo });
		return result;
	} catch (error) {
		if (!(error instanceof Error)) throw error;
		notice(error instanceof Problem ? sentence(error.message) : `${error.message} It was not done: try again.`, { bad: true });
	}
}

/** @param {string} text */
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

class Notices extends View {
	render() {
		return notices.map(({ id, text, bad, undo }) => {
			const takeBack = () => {
				drop(id);
				if (undo) attempt(undo, "Undone.");
			};
			return h(
				"div",
				{ key: id, class: ["notice", bad && "bad"] },
				h("p", null, text),
				undo && h("button.quiet.strong", { onclick: takeBack }, "Undo"),
				h("button.quiet.round", { "aria-label": "Dismiss", onclick: () => drop(id) }, icon("close")),
			);
		});
	}
}
customElements.define("easel-notices", Notices);

/**
 * Asks, and gives what was answered: null if it was not to be, else the text of the field, if there is one.
 * @param {{title: string, text?: string, yes: string, danger?: boolean, field?: string}} question @returns {Promise<string | null>}
 */
export function ask(question) {
	const dialog = /** @type {Question} */ (document.createElement("easel-question"));
	dialog.question = question;
	document.body.append(dialog);
	return dialog.answer;
}

class Question extends View {
	/** @type {{title: string, text?: string, yes: string, danger?: boolean, field?: string}} */ question = { title: "", yes: "" };
	/** @type {(text: string | null) => void} */ #settle = () => {};
	/** @type {Promise<string | null>} */ answer = new Promise((settle) => (this.#settle = settle));

	render() {
		const { title, text, yes, danger, field } = this.question;
		const close = (/** @type {Event} */ event) => {
			const dialog = /** @type {HTMLDialogElement} */ (event.currentTarget);
			const input = dialog.querySelector("input");
			this.#settle(dialog.returnValue === "yes" ? (input?.value ?? "") : null);
			this.remove();
		};
		return [
			h(
				"dialog.question",
				{ onclose: close, "aria-labelledby": "question" },
				h(
					"form",
					{ method: "dialog" },
					h("h2", { id: "question" }, title),
					text && h("p.muted", null, text),
					field && h("label.field", null, h("span", null, field), h("input", { name: "text", maxlength: 200, autofocus: true })),
					h(
						"div.row.end",
						null,
						h("button", { value: "no", formnovalidate: true }, "Leave it"),
						h("button", { value: "yes", class: ["primary", danger && "danger"] }, yes),
					),
				),
			),
		];
	}
	drawn() {
		const dialog = this.querySelector("dialog");
		if (dialog && !dialog.open) dialog.showModal();
	}
}
customElements.define("easel-question", Question);
