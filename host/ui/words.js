// Everything that the page says, and how it writes numbers and times: in the reader's own way, by `Intl`.

import { state } from "./state.js";

/** @import { Device, Job, LogEvent } from "./wire.js" */

export const words = {
	views: {
		create: "Create",
		queue: "Queue",
		timeline: "Timeline",
		gallery: "Gallery",
		conversations: "Conversations",
		backends: "Backends",
		log: "Log",
		settings: "Settings",
	},
	status: {
		pending: "Pending",
		queued: "Queued",
		processing: "Running",
		complete: "Complete",
		error: "Failed",
		cancelled: "Cancelled",
	},
	/** What an attempt came to. */
	outcome: {
		complete: "Complete",
		error: "Failed",
		timeout: "Took too long",
		stalled: "Gave no news",
		trapped: "Backend crashed",
		cancelled: "Cancelled",
		lost: "Host went down",
		interrupted: "Interrupted, not charged",
		unavailable: "Engine away, not charged",
	},
	waiting: {
		turn: "Waits for its turn",
		paused: "Its line is paused",
		device: "Waits for its device",
		backend: "Waits for its backend",
		dependency: "Waits for another job",
		time: "Starts later",
		retry: "Tried again soon",
	},
	health: {
		ok: "Healthy",
		unavailable: "Away",
		failed: "Failing",
		unknown: "Not asked yet",
		loading: "Loading",
		broken: "Broken",
	},
	events: {
		queued: "is in line",
		pending: "waits",
		started: "started",
		cancelling: "is being cancelled",
		completed: "is complete",
		failed: "failed",
		cancelled: "was cancelled",
		retrying: "will be tried again",
		interrupted: "was interrupted and is back in line",
		moved: "was moved",
		deleted: "was deleted",
	},
	keys: [
		["g c", "Create"],
		["g q", "Queue"],
		["g t", "Timeline"],
		["g g", "Gallery"],
		["g m", "Conversations"],
		["g b", "Backends"],
		["g l", "Log"],
		["g s", "Settings"],
		["/", "Search in this view"],
		["n", "New picture: to the prompt"],
		["Ctrl Enter", "Send the form"],
		["↑ ↓", "Move through the line"],
		["Alt ↑ ↓", "Move a job up or down in line"],
		["Space", "Select a job in line"],
		["Delete", "Cancel the selected jobs"],
		["← →", "Previous or next picture"],
	],
};

/** @param {Record<string, string>} among @param {string | null | undefined} name */
export const word = (among, name) => among[name ?? ""] ?? name ?? "";

const numbers = new Intl.NumberFormat();
/** @param {number} value */
export const number = (value) => numbers.format(value);

/** @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many = `${one}s`) => `${number(n)} ${n === 1 ? one : many}`;

const places = new Intl.PluralRules("en", { type: "ordinal" });
const endings = /** @type {Record<string, string>} */ ({ one: "st", two: "nd", few: "rd", other: "th" });
/** 3rd. @param {number} n */
export const ordinal = (n) => `${number(n)}${endings[places.select(n)]}`;

/** @param {number} bytes */
export function size(bytes) {
	const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
	let unit = 0;
	while (bytes >= 1000 && unit < 3) ((bytes /= 1000), unit++);
	const digits = unit === 0 || bytes >= 100 ? 0 : 1;
	return new Intl.NumberFormat(undefined, { style: "unit", unit: units[unit], maximumFractionDigits: digits }).format(bytes);
}

/** A length of time: 4.2 s, 3 min 20 s, 2 h 5 min. @param {number} seconds */
export function duration(seconds) {
	if (seconds < 0.95) return `${Math.max(0, Math.round(seconds * 1000))} ms`;
	if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
	const whole = Math.round(seconds);
	if (whole < 60) return `${whole} s`;
	if (whole < 3600) return `${Math.floor(whole / 60)} min${whole % 60 ? ` ${whole % 60} s` : ""}`;
	if (whole < 86_400) return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
	return `${Math.floor(whole / 86_400)} d ${Math.floor((whole % 86_400) / 3600)} h`;
}

/** A clock that runs: 0:07, 12:40, 1:02:03. @param {number} seconds */
export function clock(seconds) {
	const whole = Math.max(0, Math.floor(seconds));
	const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
	const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
	return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto", style: "short" });
/** "3 min ago", "in 20 s". @param {string | number} time */
export function ago(time) {
	const seconds = (typeof time === "number" ? time : Date.parse(time)) / 1000 - state.now() / 1000;
	const size = Math.abs(seconds);
	if (size < 5) return "just now";
	if (size < 60) return relative.format(Math.round(seconds), "second");
	if (size < 3600) return relative.format(Math.round(seconds / 60), "minute");
	if (size < 86_400) return relative.format(Math.round(seconds / 3600), "hour");
	return relative.format(Math.round(seconds / 86_400), "day");
}

const exactly = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const hours = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
const seconds = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
/** @param {string | number} time */
export const exact = (time) => exactly.format(new Date(time));
/** @param {string | number} time */
export const clockTime = (time) => seconds.format(new Date(time));
/** The hour of today, else the day too. @param {string | number} time */
export function shortly(time) {
	const date = new Date(time);
	return (date.toDateString() === new Date(state.now()).toDateString() ? hours : days).format(date);
}

/** What a job is to make, in one line. @param {Job | undefined} job */
export function title(job) {
	if (!job) return "";
	const said = job.params?.prompt ?? job.params?.name ?? job.metadata?.name;
	const text = typeof said === "string" ? said.slice(0, 400).replace(/\s+/g, " ").trim() : "";
	if (text) return text;
	return job.backend.startsWith("command@") ? "A command of somebody's own" : job.params ? "Without a prompt" : "";
}

/** The eight characters by which people name a job. @param {string} id */
export const short = (id) => id.slice(-8);

/** Whose it is. @param {Job} job */
export const owner = (job) => job.user ?? job.owner;

/** When it will start, or has. @param {Job} job */
export function expected(job) {
	if (job.status === "processing") return job.estimated_end_at ? endsIn(job.estimated_end_at) : "";
	if (job.waiting_until) return `${ago(job.waiting_until)}`;
	if (!job.estimated_start_at) return "";
	const starts = Date.parse(job.estimated_start_at);
	return starts - state.now() < 5000 ? "any moment" : ago(starts);
}

/** @param {string} time */
function endsIn(time) {
	const left = (Date.parse(time) - state.now()) / 1000;
	return left > 1 ? `${clock(left)} left` : "any moment";
}

/** Why it waits, as a sentence. @param {Job} job */
export function why(job) {
	if (job.waiting_detail) {
		return job.waiting_detail[0].toUpperCase() + job.waiting_detail.slice(1);
	}
	return word(words.waiting, job.waiting_for);
}

/** How a device is, in a word. @param {Device} device */
export function deviceState(device) {
	if (device.paused && device.busy) return "Pausing";
	if (device.paused) return "Paused";
	if (device.dirty) return "Settling";
	if (!device.busy) return "Idle";
	return device.backend?.startsWith("command@") ? "Lent" : "Running";
}

/** An event in words. @param {LogEvent} event */
export function told(event) {
	if (event.type === "job") return word(words.events, event.event);
	if (event.type === "message") return `${event.event ?? "changed"} in ${event.message?.conversation_id ?? ""}`;
	const pause = event.paused;
	if (event.type === "queue" || event.type === "device") {
		return pause ? `paused${pause.reason ? `: ${pause.reason}` : ""}` : "resumed";
	}
	return typeof event.held === "string" ? `${event.event}: ${event.held}` : (event.event ?? "");
}
