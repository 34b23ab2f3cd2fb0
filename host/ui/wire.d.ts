// What goes over the wire, as far as the page reads it. docs/api.md has every field and what it means.
import type { Exact } from "./client.js";

export type Json = null | boolean | number | string | Exact | Json[] | { [key: string]: Json };
export type Status = "pending" | "queued" | "processing" | "complete" | "error" | "cancelled";
export interface JobError {
	kind: string;
	message: string;
	detail: string;
	retryable: boolean;
	dependency_id?: string;
}
export interface Attempt {
	number: number;
	charged: boolean;
	backend_digest: string;
	started_at: string;
	ended_at: string | null;
	seconds: number | null;
	outcome: string | null;
	error: JobError | null;
}
export interface Artifact {
	name: string;
	mime: string;
	size: number;
	sha256: string;
	width: number | null;
	height: number | null;
	url: string;
}
export interface Input {
	name: string;
	upload: string;
	mime: string;
	size: number;
	sha256: string;
}
export interface Job {
	id: string;
	status: Status;
	backend: string;
	device: string | null;
	owner: string;
	user: string | null;
	params?: { [key: string]: Json };
	inputs: Input[];
	metadata: { [key: string]: Json };
	conversation_id: string | null;
	message_id: string | null;
	batch_id: string | null;
	depends_on: string[];
	on_dependency_failure: string;
	not_before: string | null;
	timeout_s: number | null;
	priority: number;
	queue_position: number;
	waiting_for: string | null;
	waiting_detail: string | null;
	waiting_until: string | null;
	retry_at: string | null;
	estimated_start_at: string | null;
	estimated_end_at: string | null;
	progress: number;
	stage: string | null;
	preview: string | null;
	cancel_requested: boolean;
	attempt: number;
	attempts_used: number;
	max_attempts: number;
	attempts: Attempt[];
	artifacts: Artifact[];
	result: Json;
	error: JobError | null;
	created_at: string;
	queued_at: string | null;
	started_at: string | null;
	ended_at: string | null;
	updated_at: string;
	seq: number;
}
export interface Pause {
	reason: string | null;
	by: string;
	since: string;
	unload: boolean;
}
export interface Device {
	name: string;
	busy: boolean;
	dirty: boolean;
	paused: Pause | null;
	backend: string | null;
	job: string | null;
	since: string | null;
	length: number;
	memory: string[];
}
export interface Accuracy {
	jobs: number;
	mean_error_seconds: number;
	mean_seconds: number;
}
export interface Queue {
	paused: Pause | null;
	disk_full: Pause | null;
	length: number;
	pending: number;
	processing: Job[];
	devices: Device[];
	mean_seconds: number | null;
	estimates: Accuracy | null;
	standing: { backend: string; jobs: number; waiting_for: string; waiting_detail: string | null }[];
}
export interface Field {
	type?: string;
	title?: string;
	description?: string;
	default?: Json;
	minimum?: number;
	maximum?: number;
	minLength?: number;
	maxLength?: number;
	enum?: Json[];
	items?: Field;
	maxItems?: number;
	"x-easel-options"?: string;
}
export interface Schema {
	required?: string[];
	properties?: { [name: string]: Field };
	"x-inputs"?: { [name: string]: { title?: string; description?: string } };
}
export interface Backend {
	name: string;
	digest: string | null;
	component: string | null;
	version: string | null;
	summary: string | null;
	params_schema: Schema | null;
	inputs: string[] | null;
	health: { status: string; detail: string };
	catalog: Json;
	device: string;
	devices: string[];
	default: boolean;
	estimates: Accuracy | null;
	capabilities: {
		allow_hosts: string[];
		allow_hosts_on?: { [device: string]: string[] };
		timeout_s: number;
		stall_s: number;
		artifact_quota: number;
		max_attempts: number;
	};
}
export interface Message {
	id: string;
	conversation_id: string;
	role: string;
	content: string;
	extra_metadata: { [key: string]: Json };
	created_at: string;
	updated_at: string;
	seq: number;
}
export interface LogLine {
	at: string;
	attempt: number;
	level: string;
	message: string;
}
/** A durable event: `type` is job, message, queue, device or backend. */
export interface LogEvent {
	type: string;
	seq: number;
	cursor: string;
	at: string;
	by: string | null;
	event?: string;
	job?: Job;
	message?: Message;
	paused?: Pause | null;
	length?: number;
	name?: string;
	held?: Json;
	device?: string;
}
/** Any frame of the WebSocket. */
export interface Frame extends Partial<LogEvent> {
	type: string;
	now?: string;
	queue?: Queue;
	jobs?: Job[];
	truncated?: boolean;
	scope?: Json;
	title?: string;
	job_id?: string;
	attempt?: number;
	progress?: number;
	stage?: string | null;
	preview?: string | null;
	estimated_end_at?: string | null;
	positions?: {
		[id: string]: { queue_position: number; estimated_start_at: string | null; estimated_end_at: string | null };
	};
}
