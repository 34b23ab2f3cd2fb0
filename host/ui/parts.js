// What several views show: a job's status, its bar, its picture, its card, times, empty places.

import { h, icon } from "./dom.js";
import { address } from "./router.js";
import { ago, clock, count, exact, expected, ordinal, shortly, title, why, word, words } from "./words.js";
import { state } from "./state.js";

/** @import { Icon } from "./dom.js" */
/** @import { Artifact, Job } from "./wire.js" */
/** @typedef {import("./dom.js").Child} Child */

const SHAPES = {
	pending: "M12 7v5l3 2M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16z",
	queued: "M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16z",
	processing: "M8 5l11 7-11 7z",
	complete: "M5 13l4 4L19 7",
	error: "M12 8v5M12 16h.01M12 4l9 16H3z",
	cancelled: "M7 12h10M12 20a8 8 0 1 1 0-16 8 8 0 0 1 0 16z",
};

/** A status as a shape and a word. @param {string} status @param {string} [text] */
export function chip(status, text) {
	const shape = SHAPES[/** @type {keyof typeof SHAPES} */ (status)] ?? SHAPES.queued;
	return h(
		"span",
		{ class: ["chip", status] },
		h("svg.icon", { viewBox: "0 0 24 24", "aria-hidden": "true" }, h("path", { d: shape })),
		text ?? word(words.status, status),
	);
}

/** @param {Job} job */
export const chipOf = (job) => (job.cancel_requested ? chip("cancelled", "Cancelling") : chip(job.status));

/** A time, told relative to now. @param {string | null} at @param {string} [text] */
export const time = (at, text) => at && h("time", { datetime: at, title: exact(at) }, text ?? ago(at));

/** How far a job is. @param {Job} job @param {string} [label] */
export function bar(job, label = title(job)) {
	return h(
		"div.bar",
		{
			role: "progressbar",
			"aria-label": `Progress of ${label.slice(0, 60) || "a job"}`,
			"aria-valuenow": job.progress,
		},
		h("div", { style: { transform: `scaleX(${job.progress / 100})` } }),
	);
}

/** How wide a picture is for its height: what a job asks for until it has made it. @param {Job | undefined} job @param {Artifact} [picture] */
export function ratio(job, picture) {
	const of = (/** @type {unknown} */ w, /** @type {unknown} */ h) => (Number(w) > 0 && Number(h) > 0 ? Number(w) / Number(h) : 0);
	const found = of(picture?.width, picture?.height) || of(job?.params?.width, job?.params?.height) || 1;
	return Math.min(4, Math.max(0.25, found));
}

/** @param {Job} job */
export const pictures = (job) => job.artifacts.filter((one) => one.mime.startsWith("image/"));

/** @param {Job} job @param {Artifact} [picture] */
export const alt = (job, picture) =>
	`${title(job).slice(0, 120) || "Picture"}${picture && job.artifacts.length > 1 ? ` (${picture.name})` : ""}`;

/** How it stands, in one line. @param {Job} job */
export function standing(job) {
	switch (job.status) {
		case "processing":
			return [job.stage || "Running", expected(job)].filter(Boolean).join(" · ");
		case "queued":
			return (
				[job.queue_position ? `${ordinal(job.queue_position)} in line` : "", startOf(job)].filter(Boolean).join(" · ") || why(job)
			);
		case "pending":
			return why(job);
		case "error":
			return job.error?.message ?? "";
		default:
			return "";
	}
}

/** @param {Job} job */
function startOf(job) {
	if (job.waiting_for && job.waiting_for !== "turn") return why(job);
	return job.estimated_start_at ? `starts ${expected(job)}` : "";
}

/** A picture, a preview, or the place where one will be. @param {Job} job @param {Artifact} [picture] */
export function frame(job, picture) {
	const style = { "aspect-ratio": String(ratio(job, picture)) };
	if (picture) {
		return h("img", {
			key: `${picture.sha256}`,
			class: "picture",
			src: picture.url,
			alt: alt(job, picture),
			loading: "lazy",
			decoding: "async",
			style,
		});
	}
	const preview = job.status === "processing" ? job.preview : null;
	return h(
		"div",
		{ class: ["picture", "place", job.status], style },
		preview ? h("img", { src: preview, alt: "" }) : icon("image"),
	);
}

/** A job as a card: what it makes, and how it stands. @param {Job} job */
export function card(job) {
	const made = pictures(job);
	const runs = job.status === "processing";
	return h(
		"article",
		{ key: job.id, class: ["card", "job", job.status], "data-job": job.id },
		h(
			"a.frames",
			{ href: address(["jobs", job.id]), "aria-label": `Open: ${title(job).slice(0, 80) || "job"}` },
			made.length ? made.slice(0, 4).map((picture) => frame(job, picture)) : frame(job),
		),
		runs && bar(job),
		h(
			"div.caption",
			null,
			h("p.prompt.two-lines", { title: title(job), dir: "auto" }, title(job)),
			h(
				"p.row.small",
				null,
				chipOf(job),
				h("span.muted.grow.cut", null, standing(job) || time(job.ended_at)),
				runs && h("b.number", null, `${job.progress} %`),
			),
		),
	);
}

/** Nothing, and what to do about it. @param {Icon} picture @param {string} heading @param {Child[]} more */
export function empty(picture, heading, ...more) {
	return h("div.empty", null, icon(picture), h("h2", null, heading), h("p.muted", null, ...more));
}

/** While it is read for the first time. @param {boolean} [failed] */
export const loading = (failed) =>
	h(
		"p.empty.muted",
		{ role: "status" },
		failed ? "It could not be read. It is read again as soon as the host answers." : "Reading…",
	);

/** A button with a picture on it, and its name for those who do not see it. @param {Icon} picture @param {string} name @param {() => void} onclick @param {object} [more] */
export const tool = (picture, name, onclick, more) =>
	h("button.tool", { "aria-label": name, title: name, onclick, ...more }, icon(picture));

/** Since when it runs, as a clock. @param {Job} job */
export const elapsed = (job) => (job.started_at ? clock((state.now() - Date.parse(job.started_at)) / 1000) : "");

export { ago, count, shortly };
