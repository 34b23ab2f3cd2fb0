// The frame around every view: where one can go, how the connection is, the theme, the keys, the title.

import "./notices.js";
import "./create.js";
import "./queue.js";
import "./gallery.js";
import "./job.js";
import "./timeline.js";
import "./conversations.js";
import "./backends.js";
import "./log.js";
import "./settings.js";

import { View, h, icon } from "./dom.js";
import { address, go, place } from "./router.js";
import { state } from "./state.js";
import { telling } from "./telling.js";
import { setTheme, theme, THEMES } from "./theming.js";
import { ago, clockTime, number, title, word, words } from "./words.js";

/** @import { Icon } from "./dom.js" */

/** The views that the navigation lists, and the key after g that leads there. @type {[Icon & keyof typeof words.views, string][]} */
const VIEWS = [
	["create", "c"],
	["queue", "q"],
	["timeline", "t"],
	["gallery", "g"],
	["conversations", "m"],
	["backends", "b"],
	["log", "l"],
	["settings", "s"],
];
/** The views that have an element of their own, and under which entry of the navigation they are. @type {Record<string, string>} */
const UNDER = { ...Object.fromEntries(VIEWS.map(([name]) => [name, name])), jobs: "queue" };

class Page extends View {
	#keys = false;
	#prefix = 0;
	#shown = "";
	/** On a phone: whether the rest of the views is shown. */ #more = false;

	start() {
		addEventListener("keydown", this.#key);
		state.begin();
		telling.begin();
	}

	render() {
		const under = UNDER[place.view];
		const { status } = state.connection;
		const waiting = (state.queue?.length ?? 0) + (state.queue?.pending ?? 0);
		return [
			h(
				"a.skip",
				{
					href: "#main",
					onclick: (/** @type {Event} */ event) => (event.preventDefault(), this.#main()?.focus()),
				},
				"Skip to the view",
			),
			h(
				"nav.side",
				{ "aria-label": "Views", class: this.#more && "open" },
				h(
					"a.brand",
					{ href: address(["create"]), "aria-label": "Easel: create" },
					h("span.logo", null, icon("image")),
					h("b", null, "Easel"),
				),
				h(
					"ul",
					null,
					VIEWS.map(([name], index) =>
						h(
							"li",
							{ key: name, class: index > 3 && "rest" },
							h(
								"a",
								{ href: address([name]), "aria-current": under === name && "page", onclick: () => this.#rest(false) },
								icon(name),
								h("span", null, words.views[name]),
								name === "queue" && waiting > 0 && h("span.badge.number", null, number(waiting)),
							),
						),
					),
					h(
						"li.more",
						{ key: "more" },
						h(
							"button.quiet",
							{ "aria-expanded": String(this.#more), onclick: () => this.#rest(!this.#more) },
							icon("more"),
							h("span", null, "More"),
						),
					),
				),
				h(
					"div.foot",
					null,
					connection(),
					h(
						"div.row",
						null,
						this.#theme(),
						h("button.tool", { "aria-label": "Keys", title: "Keys (?)", onclick: () => this.#openKeys(true) }, "?"),
					),
				),
			),
			h(
				"main",
				{ id: "main", tabindex: -1, class: [status !== "live" && state.epoch > 0 && "stale"] },
				banner(),
				UNDER[place.view]
					? h(`easel-${place.view}`, { key: place.view, "data-view": place.view })
					: h(
							"div.empty",
							null,
							icon("search"),
							h("h1", null, "There is no such view"),
							h("p", null, h("a", { href: address(["queue"]) }, "To the queue")),
						),
			),
			h("easel-notices", { class: "notices", role: "status", "aria-live": "polite" }),
			this.#keys && this.#list(),
		];
	}

	drawn() {
		document.title = telling.title(
			word(words.views, UNDER[place.view]) +
				(place.view === "jobs" ? ` · ${title(state.jobs.get(place.path[0])).slice(0, 60)}` : ""),
		);
		const dialog = this.querySelector("dialog");
		if (dialog && !dialog.open) dialog.showModal();
		// A view that has just come begins at its beginning.
		const shown = place.view;
		if (this.#shown && this.#shown !== shown) this.#main()?.scrollTo(0, 0);
		this.#shown = shown;
	}

	/** @returns {HTMLElement | null} */
	#main() {
		return this.querySelector("main");
	}

	#theme() {
		const now = theme();
		const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
		const pictures = /** @type {const} */ ({ auto: "auto", light: "sun", dark: "moon" });
		const name = `Theme: ${now === "auto" ? "as the system" : now}`;
		return h("button.tool", { id: "theme", "aria-label": name, title: name, onclick: () => setTheme(next) }, icon(pictures[now]));
	}

	/** @param {boolean} shown */
	#rest(shown) {
		this.#more = shown;
		this.refresh();
	}

	/** @param {boolean} open */
	#openKeys(open) {
		this.#keys = open;
		this.refresh();
	}

	#list() {
		return h(
			"dialog.keys",
			{ onclose: () => this.#openKeys(false), "aria-labelledby": "keys" },
			h(
				"form",
				{ method: "dialog" },
				h(
					"div.row",
					null,
					h("h2", { id: "keys", class: "grow" }, "Keys"),
					h("button.tool", { "aria-label": "Close" }, icon("close")),
				),
				h(
					"dl",
					null,
					words.keys.map(([key, what]) => [
						h(
							"dt",
							null,
							key.split(" ").map((one) => h("kbd", null, one)),
						),
						h("dd", null, what),
					]),
				),
			),
		);
	}

	#key = (/** @type {KeyboardEvent} */ event) => {
		const target = /** @type {HTMLElement} */ (event.target);
		const writes = target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
		if (writes || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
		const prefixed = Date.now() - this.#prefix < 1500;
		this.#prefix = event.key === "g" && !prefixed ? Date.now() : 0;
		if (prefixed) {
			const [view] = VIEWS.find(([, key]) => key === event.key) ?? [];
			if (view) go(address([view]));
		} else if (event.key === "?") this.#openKeys(true);
		else if (event.key === "n") go(address(["create"]));
		else if (event.key === "/") {
			const search = /** @type {HTMLElement | null} */ (this.querySelector('main input[type="search"]'));
			if (!search) return;
			search.focus();
			event.preventDefault();
		}
	};
}

/** How the connection is, at all times. */
function connection() {
	const { status, since } = state.connection;
	const text = {
		connecting: "Connecting…",
		live: "Live",
		away: `Away since ${since ? clockTime(since) : ""}`,
		refused: "Refused",
	}[status];
	return h("div", { class: ["connection", status], id: "connection", role: "status" }, h("span.dot"), h("span", null, text));
}

function banner() {
	const { status, since, why } = state.connection;
	if (status === "refused")
		return h("div.banner.bad", { role: "alert" }, h("b", null, "The host refuses this page."), ` ${why ?? ""}`);
	if (status !== "away" || !since || Date.now() - since < 1500) return null;
	return h(
		"div.banner.warn",
		{ role: "alert" },
		h(
			"span.grow",
			null,
			h("b", null, "The host does not answer"),
			` since ${clockTime(since)} (${ago(since + state.skew)}). What you see is as of then. It is tried again by itself.`,
		),
		h("button.quiet.strong", { onclick: () => state.feed?.retry() }, "Try now"),
	);
}

customElements.define("easel-page", Page);
