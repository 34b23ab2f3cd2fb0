// What the page tells while one looks elsewhere: the title and the icon have the progress of one's own jobs, and a notification comes
// when one's picture is done, if one asked for that.

import { ended } from "./client.js";
import { pictures } from "./parts.js";
import { address, go } from "./router.js";
import { state } from "./state.js";
import { mine } from "./submissions.js";
import { title } from "./words.js";

class Telling {
	/** Those that had not ended when they were last looked at. @type {Set<string>} */ #open = new Set();
	#drawn = "";

	begin() {
		state.listen(() => this.#look());
	}

	get wanted() {
		return localStorage.getItem("easel.notify") === "yes" && globalThis.Notification?.permission === "granted";
	}

	/** @param {boolean} wanted */
	async want(wanted) {
		const granted = wanted && (await Notification.requestPermission()) === "granted";
		localStorage.setItem("easel.notify", granted ? "yes" : "no");
		state.changed();
		return granted || !wanted;
	}

	/** @param {string} view */
	title(view) {
		const running = this.#running();
		const sign = state.connection.status === "away" ? "○ " : running ? `${running.progress}% ` : "";
		return `${sign}${view ? `${view} · ` : ""}Easel`;
	}

	#running() {
		return mine()
			.map((id) => state.jobs.get(id))
			.find((job) => job?.status === "processing");
	}

	#look() {
		for (const id of mine()) {
			const job = state.jobs.get(id);
			if (!job) continue;
			if (!ended(job)) this.#open.add(id);
			else if (this.#open.delete(id) && document.hidden && this.wanted && job.status !== "cancelled") {
				const note = new Notification(job.status === "complete" ? "Your picture is done" : "Your picture failed", {
					body: title(job).slice(0, 200),
					icon: pictures(job)[0]?.url,
					tag: id,
				});
				note.onclick = () => (window.focus(), go(address(["jobs", id])));
			}
		}
		this.#icon();
		if (document.hidden) document.title = this.title("");
	}

	/** The icon is a ring that fills while something of one's own runs. */
	#icon() {
		const running = this.#running();
		const wanted = running ? `${Math.round(running.progress / 5)}` : "";
		if (wanted === this.#drawn) return;
		this.#drawn = wanted;
		const link = /** @type {HTMLLinkElement} */ (document.querySelector('link[rel="icon"]'));
		link.dataset.plain ??= link.href;
		if (!wanted) {
			link.href = link.dataset.plain;
			return;
		}
		const canvas = document.createElement("canvas");
		canvas.width = canvas.height = 64;
		const pen = canvas.getContext("2d");
		if (!pen) return;
		pen.lineWidth = 14;
		for (const [colour, part] of /** @type {[string, number][]} */ ([
			["#9995", 1],
			["#6b66e8", Number(wanted) / 20],
		])) {
			pen.beginPath();
			pen.strokeStyle = colour;
			pen.arc(32, 32, 24, -Math.PI / 2, Math.PI * (2 * part - 0.5));
			pen.stroke();
		}
		canvas.toBlob((blob) => {
			if (!blob || wanted !== this.#drawn) return;
			if (link.href.startsWith("blob:")) URL.revokeObjectURL(link.href);
			link.href = URL.createObjectURL(blob);
		});
	}
}

export const telling = new Telling();
