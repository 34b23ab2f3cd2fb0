// What was sent from this tab: there at once, with what became of it, also after a reload.

import { parse, stringify } from "./client.js";
import { state } from "./state.js";

/** @import { Job } from "./wire.js" */

/**
 * @typedef {object} Submission
 * @property {string} key under which it is sent, as often as it takes
 * @property {object[]} envelopes
 * @property {string} backend @property {string} prompt
 * @property {"sending" | "sent" | "refused"} status
 * @property {string[]} ids @property {string | null} why
 * @property {string | null} field what the refusal is about
 */

const PLACE = "easel.sent";
const KEPT = 40;

/** The newest first. @type {Submission[]} */
let submissions = read();

/** @returns {Submission[]} */
function read() {
	try {
		return parse(sessionStorage.getItem(PLACE) ?? "[]");
	} catch {
		return [];
	}
}

export const sent = () => submissions;

/** The ids of the jobs that were sent from here. */
export const mine = () => submissions.flatMap((one) => one.ids);

/** @param {Submission[]} next */
function set(next) {
	submissions = next.slice(0, KEPT);
	const kept = submissions.map((one) => (one.status === "sending" ? one : { ...one, envelopes: [] }));
	try {
		sessionStorage.setItem(PLACE, stringify(kept));
	} catch {
		// A full storage forgets what was sent at the next reload, no more.
	}
	state.changed();
}

/** @param {string} key @param {Partial<Submission>} news */
const update = (key, news) => set(submissions.map((one) => (one.key === key ? { ...one, ...news } : one)));

/** @param {{backend: string, prompt: string, envelopes: object[]}} what */
export function submit(what) {
	const submission = /** @type {Submission} */ ({
		...what,
		key: crypto.randomUUID(),
		status: "sending",
		ids: [],
		why: null,
		field: null,
	});
	set([submission, ...submissions]);
	return send(submission);
}

/** @param {Submission} submission */
async function send({ key, envelopes }) {
	try {
		/** @type {Job[]} */
		const jobs =
			envelopes.length === 1
				? [await state.easel.submit(envelopes[0], key)]
				: (await state.easel.submitBatch(envelopes, key)).jobs;
		state.keepAll(jobs);
		update(key, { status: "sent", ids: jobs.map((job) => job.id) });
		return null;
	} catch (error) {
		const { message, field } = /** @type {import("./client.js").Problem} */ (error);
		update(key, { status: "refused", why: message, field: field ?? null });
		return { message, field: field ?? null };
	}
}

/** @param {string} key */
export const forget = (key) => set(submissions.filter((one) => one.key !== key));

export function forgetAll() {
	set(submissions.filter((one) => one.status === "sending"));
}

// What was on its way when the page was reloaded goes on under its key: it is done once, whether or not it had arrived.
for (const one of submissions) if (one.status === "sending") send(one);
