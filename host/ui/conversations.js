// Conversations: messages, and the jobs that report to them, as a chat front end shows them. A reload restores all of it.

import { View, h, icon } from "./dom.js";
import { draft } from "./draft.js";
import { attempt } from "./notices.js";
import { bar, chipOf, empty, frame, loading, pictures, standing, time } from "./parts.js";
import { address, go, place } from "./router.js";
import { state } from "./state.js";
import { count, title } from "./words.js";

/** @import { Job, Message } from "./wire.js" */

class Conversations extends View {
	/** @type {{id: string, count: number, updated_at: string}[] | null} */ #all = null;
	/** @type {Message[] | null} */ #messages = null;
	/** @type {string[]} jobs of it that report to no message */ #others = [];
	#id = "";
	#read = "";
	#reading = false;
	#bottom = true;

	render() {
		const id = place.path[0] ?? "";
		if (id !== this.#id) {
			this.#id = id;
			this.#messages = null;
			this.#read = "";
			this.#bottom = true;
		}
		this.#readOn(id);
		return [
			h(
				"div",
				{ class: ["talk", id && "open"] },
				h(
					"aside.panel",
					{ "aria-label": "Conversations" },
					h("header.row.head", null, h(id ? "h2" : "h1", { class: "grow" }, "Conversations")),
					this.#list(id),
				),
				h(
					"section.thread",
					{ "aria-label": id ? `Conversation ${id}` : "No conversation" },
					id
						? this.#thread(id)
						: empty(
								"conversations",
								"No conversation is open",
								this.#all?.length
									? "Choose one, or begin another."
									: "Messages of a chat front end appear here, with the pictures that they asked for.",
								" ",
								h(
									"button",
									{ onclick: () => go(address(["conversations", `chat-${crypto.randomUUID().slice(0, 8)}`])) },
									icon("create"),
									"Begin one",
								),
							),
				),
			),
		];
	}

	drawn() {
		const end = this.querySelector(".messages");
		if (end && this.#bottom && this.#messages) end.scrollTop = end.scrollHeight;
	}

	/** @param {string} id */
	#list(id) {
		if (!this.#all) return loading(state.connection.status === "away");
		if (!this.#all.length) return h("p.muted.small.pad", null, "There is none yet.");
		return h(
			"ul.talks",
			null,
			this.#all.map((one) =>
				h(
					"li",
					{ key: one.id },
					h(
						"a",
						{ href: address(["conversations", one.id]), class: "plain", "aria-current": one.id === id && "page" },
						h("span.cut", { dir: "auto" }, one.id),
						h("small.muted", null, `${count(one.count, "message")} · `, time(one.updated_at)),
					),
				),
			),
		);
	}

	/** @param {string} id */
	#thread(id) {
		const messages = this.#messages;
		const scrolled = (/** @type {any} */ event) =>
			(this.#bottom = event.target.scrollTop + event.target.clientHeight > event.target.scrollHeight - 40);
		return [
			h(
				"header.row.head.pad",
				null,
				h("a.back", { href: address(["conversations"]), "aria-label": "All conversations" }, icon("left")),
				h("h1.grow.cut", { dir: "auto" }, id),
			),
			h(
				"div.messages",
				{ onscroll: scrolled, tabindex: 0, role: "log", "aria-label": "Messages" },
				!messages && loading(state.connection.status === "away"),
				messages?.length === 0 &&
					this.#others.length === 0 &&
					empty("conversations", "Nothing has been said yet", "Say what to paint."),
				messages?.map((message) => said(message)),
				this.#others.map((job) =>
					h(
						"div",
						{ key: job, class: "said assistant" },
						h("p.bubble.prompt", { dir: "auto" }, title(state.job(job))),
						shown(state.job(job)),
					),
				),
			),
			this.#composer(id),
		];
	}

	/** @param {string} id */
	#composer(id) {
		const send = (/** @type {Event} */ event) => {
			event.preventDefault();
			const form = /** @type {HTMLFormElement} */ (event.currentTarget);
			const input = /** @type {HTMLTextAreaElement} */ (form.elements.namedItem("say"));
			const text = input.value.trim();
			if (!text) return;
			input.value = "";
			this.#bottom = true;
			this.#say(id, text).then((done) => done || (input.value ||= text));
		};
		const enter = (/** @type {KeyboardEvent} */ event) => {
			if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
			event.preventDefault();
			/** @type {HTMLTextAreaElement} */ (event.target).form?.requestSubmit();
		};
		return h(
			"form.composer.row",
			{ onsubmit: send },
			h("textarea", {
				name: "say",
				rows: 1,
				"aria-label": "What to paint",
				placeholder: "Say what to paint…",
				onkeydown: enter,
				dir: "auto",
			}),
			h("button.primary", null, "Send"),
		);
	}

	/** A message of the person, one of the painter, and the job that reports to it. @param {string} id @param {string} text */
	async #say(id, text) {
		const takes = (/** @type {import("./wire.js").Backend} */ one) => one.params_schema?.properties?.prompt;
		const backends = (state.backends ?? []).filter(takes);
		const backend = backends.find((one) => one.name === draft.backend) ?? backends.find((one) => one.default) ?? backends[0];
		return attempt(async () => {
			if (!backend) throw new Error("No backend here takes a prompt.");
			await state.easel.say({ conversation_id: id, role: "user", content: text, extra_metadata: {} });
			const answer = await state.easel.say({ conversation_id: id, role: "assistant", content: "", extra_metadata: {} });
			state.keepAll([
				await state.easel.submit({ params: { prompt: text }, backend: backend.name, conversation_id: id, message_id: answer.id }),
			]);
			return true;
		});
	}

	/** @param {string} id */
	async #readOn(id) {
		const wanted = `${id} ${state.talkVersion} ${state.epoch}`;
		if (this.#reading || wanted === this.#read || state.connection.status === "away") return;
		this.#reading = true;
		try {
			this.#all = (await state.easel.conversations({ limit: 200 })).conversations;
			if (id) {
				/** @type {Message[]} */ const messages = [];
				/** @type {Job[]} */ const jobs = [];
				/** @type {string | null | undefined} */ let cursor;
				do {
					const page = await state.easel.messages(id, { limit: 200, cursor });
					messages.push(...page.messages);
					jobs.push(...page.jobs);
					cursor = page.next;
				} while (cursor && messages.length < 2000);
				state.keepAll(jobs);
				if (id === this.#id) {
					this.#messages = messages;
					this.#others = jobs.filter((job) => !job.message_id).map((job) => job.id);
				}
			}
			this.#read = wanted;
		} catch {
			// It is read again with the next change.
		}
		setTimeout(() => ((this.#reading = false), this.refresh()), 250);
		this.refresh();
	}
}

/** @param {Message} message */
function said(message) {
	const id = message.extra_metadata.job_id;
	const job = typeof id === "string" ? state.job(id) : undefined;
	return h(
		"article",
		{ key: message.id, class: ["said", message.role === "user" ? "user" : "assistant"] },
		h("p.small.muted", null, message.role === "user" ? "You" : message.role, " · ", time(message.created_at)),
		message.content && h("p.bubble.prompt", { dir: "auto" }, message.content),
		job && shown(job),
	);
}

/** The job that reports to a message. @param {Job | undefined} job */
function shown(job) {
	if (!job) return null;
	const made = pictures(job);
	return h(
		"div.result",
		null,
		made.length
			? made.map((picture) =>
					h("a", { key: picture.name, href: address(["gallery", job.id, picture.name]) }, frame(job, picture)),
				)
			: job.status !== "error" && job.status !== "cancelled" && frame(job),
		job.status === "processing" && bar(job),
		h(
			"p.row.small",
			null,
			chipOf(job),
			h("a.plain.muted.grow.cut", { href: address(["jobs", job.id]) }, standing(job) || title(job)),
			job.status === "processing" && h("b.number", null, `${job.progress} %`),
		),
	);
}

customElements.define("easel-conversations", Conversations);
