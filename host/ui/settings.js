// Settings: how this page looks and tells, and what it talks to.

import { View, h } from "./dom.js";
import { notice } from "./notices.js";
import { row } from "./gallery.js";
import { chip } from "./parts.js";
import { state } from "./state.js";
import { telling } from "./telling.js";
import { setTheme, theme, THEMES } from "./theming.js";

class Settings extends View {
	/** @type {{version: string} | null} */ #alive = null;
	/** @type {{status: string, detail?: string, broken?: Record<string, string>} | null} */ #ready = null;
	#epoch = -1;

	render() {
		if (this.#epoch !== state.epoch) this.#read(state.epoch);
		const notes = "Notification" in globalThis;
		const broken = Object.entries(this.#ready?.broken ?? {});
		const names = { auto: "As the system", light: "Light", dark: "Dark" };
		return [
			h(
				"div.view.narrow",
				null,
				h("h1", null, "Settings"),
				h(
					"section.box.stack",
					null,
					h("h2", null, "This page"),
					h(
						"div.row.wrap",
						null,
						h("span.grow.label", { id: "theme-label" }, "Theme"),
						h(
							"div.row",
							{ role: "group", "aria-labelledby": "theme-label" },
							THEMES.map((one) =>
								h(
									"button",
									{ key: one, class: "aspect wide", "aria-pressed": String(theme() === one), onclick: () => setTheme(one) },
									names[one],
								),
							),
						),
					),
					notes &&
						h(
							"div.row",
							null,
							h(
								"label",
								{ for: "notify", class: "grow" },
								"Tell me when my picture is done",
								h("span.hint.block", null, "A notification of the browser, while this tab is in the background."),
							),
							h("input", {
								id: "notify",
								type: "checkbox",
								".checked": telling.wanted,
								onchange: async (/** @type {any} */ event) =>
									!(await telling.want(event.target.checked)) &&
									notice("The browser does not allow notifications for this address: allow them in its settings.", { bad: true }),
							}),
						),
				),
				h(
					"section.box",
					null,
					h("h2", null, "The host"),
					h(
						"dl.facts",
						null,
						row("Address", h("code", null, location.origin)),
						row("Version", this.#alive?.version),
						row(
							"State",
							this.#ready &&
								chip(
									this.#ready.status === "ready" ? "complete" : "error",
									this.#ready.status === "ready" ? "Ready" : (this.#ready.detail ?? "Not ready"),
								),
						),
						broken.map(([name, why]) => row(`Backend ${name}`, h("span.wrong", null, why))),
						row("Devices", state.queue && state.queue.devices.map((one) => one.name).join(", ")),
						row("For programs", h("a", { href: "/client.js" }, "/client.js")),
					),
				),
			),
		];
	}

	/** @param {number} epoch */
	async #read(epoch) {
		this.#epoch = epoch;
		try {
			this.#alive = await state.easel.get("/healthz");
			this.#ready = await state.easel.get("/readyz");
		} catch (error) {
			this.#ready = { status: "not ready", detail: /** @type {Error} */ (error).message };
		}
		this.refresh();
	}
}

customElements.define("easel-settings", Settings);
