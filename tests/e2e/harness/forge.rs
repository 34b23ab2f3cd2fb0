//! A simulated Stable Diffusion WebUI Forge on a real socket, with the habits that matter to a careful client: one FIFO
//! lock, a progress that is global and carries no task id, an interrupt that hits whatever runs, and no interest in
//! whether the caller is still there.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::net::TcpListener;

/// A picture of 16 × 16 pixels, as base64.
pub const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAABlklEQVR42hXRURVEIQhFUSMYgQhGMAIRiGCEE8EIRiACEYhABCLMG7/ZrMt1jMEcyGAN9kAHNjgDBnfwBj6IQQ5q0IMxJnMikzXZE53Y5EyY3Mmb+CQmOalJzw8IUxBhCVtQwYQjIFzhCS6EkEIJLR9YzIUs1mIvdGGLs2BxF2/hi1jkoha9PrCZG9mszd7oxjZnw+Zu3sY3sclNbXp/QJmKKEvZiiqmHAXlKk9xJZRUSmn9gDENMZaxDTXMOAbGNZ7hRhhplNH2gcM8yGEd9kEPdjgHDvfwDn6IQx7q0OcD/wK/Sr4jv9hfkG/1N/x/Fx44BCQU9Pc94zIvclmXfdGLXc79j9/Lu/glLnmpS98PPOZDHuuxH/qwx3n/5ffxHv6IRz7q0e8DznTEWc521DHn+D/KdZ7jTjjplNP+gWAGEqxgBxpYcOIf/AYv8CCCDCro+EAyE0lWshNNLDn5P/MmL/Ekkkwq6fxAMQspVrELLaw49S/lFq/wIoosquj6QDMbaVazG22sOf2v8Dav8SaabKrp5geIAnAQC3NfwAAAAABJRU5ErkJggg==";
/// What an interrupted generation leaves: 8 × 8 pixels, as base64.
const PARTIAL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAbklEQVR42g2OIRIAMAjDKpHISiQS2f+rPGuzvV4SIVGihcWIFSfyVxVVdOFiii2uyP+qqaYbN9Nsc00+QaZMG5sxa87kczXU0IOHGXa4Id+mpZZevMyyyy35DTrq6MPHHHvckV+mUKGDw4QNF5IHBzBAAQLYCvUAAAAASUVORK5CYII=";

/// What a test may change about the engine while it runs.
#[derive(Default)]
pub struct Habits {
    /// How long one sampling step takes.
    pub step: Duration,
    /// Generations stop before their last step until this is false again.
    pub hold: bool,
    /// Generations answer with this status and body instead.
    pub failure: Option<(u16, Value)>,
    /// `/progress` is not there (404), as with stable-diffusion.cpp.
    pub no_progress: bool,
    /// `"info": ""`, as other servers send it.
    pub empty_info: bool,
}

#[derive(Default)]
struct Engine {
    habits: Habits,
    requests: Vec<Value>,
    calls: Vec<String>,
    in_flight: usize,
    max_concurrent: usize,
    interrupted: bool,
    /// Of the generation that has the lock: steps done, steps in all.
    running: Option<(u64, u64)>,
    generations: u64,
}

/// A running simulation; it ends with the test's runtime.
#[derive(Clone)]
pub struct Forge {
    address: SocketAddr,
    engine: Arc<Mutex<Engine>>,
    lock: Arc<tokio::sync::Mutex<()>>,
}

impl Forge {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listen");
        let address = listener.local_addr().expect("an address");
        let forge = Self { address, engine: Arc::default(), lock: Arc::default() };
        let server = forge.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let forge = server.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| forge.clone().serve(request));
                    let connection = hyper::server::conn::http1::Builder::new();
                    let _ = connection.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        forge
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes how the engine behaves from now on.
    pub fn change(&self, change: impl FnOnce(&mut Habits)) {
        change(&mut self.engine().habits);
    }

    /// The most generations that were under way at once, those that waited for the engine's own lock included.
    pub fn max_concurrent(&self) -> usize {
        self.engine().max_concurrent
    }

    /// Generations under way now.
    pub fn in_flight(&self) -> usize {
        self.engine().in_flight
    }

    /// The bodies of all txt2img requests, in the order in which they came.
    pub fn requests(&self) -> Vec<Value> {
        self.engine().requests.clone()
    }

    /// How often a route was called, such as `POST /sdapi/v1/interrupt`.
    pub fn calls(&self, route: &str) -> usize {
        self.engine().calls.iter().filter(|call| *call == route).count()
    }

    fn engine(&self) -> MutexGuard<'_, Engine> {
        self.engine.lock().expect("engine")
    }

    async fn serve(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let route = format!("{} {}", request.method(), request.uri().path());
        self.engine().calls.push(route.clone());
        let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let (status, reply) = match route.as_str() {
            "POST /sdapi/v1/txt2img" => match serde_json::from_slice(&body) {
                // In a task of its own: Forge goes on when its caller hangs up.
                Ok(wanted) => tokio::spawn(self.generate(wanted)).await.expect("generate"),
                Err(_) => {
                    (422, json!({"detail": [{"type": "json_invalid", "loc": ["body"], "msg": "JSON decode error"}]}))
                }
            },
            "GET /sdapi/v1/progress" => self.progress(),
            "POST /sdapi/v1/interrupt" => {
                let mut engine = self.engine();
                engine.interrupted |= engine.running.is_some();
                (200, json!({}))
            }
            "POST /sdapi/v1/skip" | "POST /sdapi/v1/options" | "POST /sdapi/v1/unload-checkpoint" => (200, Value::Null),
            _ => catalog(&route),
        };
        let response = Response::builder().status(status).header("content-type", "application/json");
        Ok(response.body(Full::from(reply.to_string())).expect("a response"))
    }

    async fn generate(self, wanted: Value) -> (u16, Value) {
        {
            let mut engine = self.engine();
            engine.requests.push(wanted.clone());
            engine.in_flight += 1;
            engine.max_concurrent = engine.max_concurrent.max(engine.in_flight);
        }
        let turn = self.lock.lock().await;
        let whole = self.sample(wanted["steps"].as_u64().unwrap_or(50)).await;
        let mut engine = self.engine();
        engine.running = None;
        engine.in_flight -= 1;
        drop(turn);
        if let Some(failure) = engine.habits.failure.clone() {
            return failure;
        }
        let count = wanted["batch_size"].as_u64().unwrap_or(1) * wanted["n_iter"].as_u64().unwrap_or(1);
        let seed = wanted["seed"].as_u64().unwrap_or(1);
        let info = json!({
            "prompt": wanted["prompt"], "seed": seed, "all_seeds": (seed..seed + count).collect::<Vec<_>>(),
            "index_of_first_image": 0, "width": 16, "height": 16, "steps": wanted["steps"], "infotexts": [],
            "sampler_name": "Euler", "cfg_scale": 7.0, "sd_model_name": "painter", "version": "f2.0.1",
        });
        let info = if engine.habits.empty_info { String::new() } else { info.to_string() };
        let images = vec![if whole { IMAGE } else { PARTIAL }; usize::try_from(count).expect("a count")];
        (200, json!({"images": images, "parameters": wanted, "info": info}))
    }

    /// Step by step; whether it got to the end.
    async fn sample(&self, steps: u64) -> bool {
        {
            let mut engine = self.engine();
            engine.interrupted = false;
            engine.generations += 1;
        }
        for step in 0..steps {
            let pause = {
                let mut engine = self.engine();
                engine.running = Some((step, steps));
                engine.habits.step
            };
            tokio::time::sleep(pause).await;
            while step + 1 == steps && self.engine().habits.hold && !self.engine().interrupted {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if self.engine().interrupted {
                return false;
            }
        }
        true
    }

    fn progress(&self) -> (u16, Value) {
        let engine = self.engine();
        if engine.habits.no_progress {
            return (404, json!({"detail": "Not Found"}));
        }
        let (step, steps) = engine.running.unwrap_or_default();
        let share = if steps == 0 { 0.0 } else { step as f64 / steps as f64 };
        let count = u8::from(engine.running.is_some());
        let state = json!({
            "skipped": false, "interrupted": engine.interrupted, "stopping_generation": false,
            "job": if count == 0 { "" } else { "scripts_txt2img" }, "job_count": count, "job_no": 0,
            "job_timestamp": format!("20250101{:06}", engine.generations), "sampling_step": step, "sampling_steps": steps,
        });
        (200, json!({"progress": share, "eta_relative": 0.0, "state": state, "current_image": null, "textinfo": null}))
    }
}

/// What the engine says that it has.
fn catalog(route: &str) -> (u16, Value) {
    let what = match route {
        "GET /sdapi/v1/options" => {
            json!({"sd_model_checkpoint": "painter.safetensors [0123456789]", "samples_format": "png"})
        }
        "GET /sdapi/v1/sd-models" => json!([{
            "title": "painter.safetensors [0123456789]", "model_name": "painter", "hash": "0123456789", "sha256": null,
            "filename": "/models/painter.safetensors", "config": null,
        }]),
        "GET /sdapi/v1/sd-modules" => json!([]),
        "GET /sdapi/v1/samplers" => {
            let sampler = |name: &str| json!({"name": name, "aliases": [name.to_lowercase()], "options": {}});
            json!([sampler("Euler"), sampler("Euler a"), sampler("DPM++ 2M")])
        }
        "GET /sdapi/v1/schedulers" => {
            let scheduler = |name: &str, label: &str| json!({"name": name, "label": label, "aliases": null, "default_rho": -1.0, "need_inner_model": false});
            json!([scheduler("automatic", "Automatic"), scheduler("karras", "Karras"), scheduler("simple", "Simple")])
        }
        "GET /sdapi/v1/upscalers" => {
            json!([{"name": "None", "model_name": null, "model_path": null, "model_url": null, "scale": 4}])
        }
        "GET /sdapi/v1/latent-upscale-modes" => json!([{"name": "Latent"}]),
        "GET /sdapi/v1/memory" => json!({"ram": {}, "cuda": {}}),
        "GET /sdapi/v1/cmd-flags" => json!({}),
        _ => return (404, json!({"detail": "Not Found"})),
    };
    (200, what)
}
