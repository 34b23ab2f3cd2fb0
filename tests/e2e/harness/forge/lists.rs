//! What the simulated Forge says that it has, and the pictures that it makes.

use serde_json::{Value, json};

/// A picture of 16 × 16 pixels, as base64.
pub const IMAGE: &str = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAABlklEQVR42hXRURVEIQhFUSMYgQhGMAIRiGCEE8EIRiACEYhABCLMG7/ZrMt1jMEcyGAN9kAHNjgDBnfwBj6IQQ5q0IMxJnMikzXZE53Y5EyY3Mmb+CQmOalJzw8IUxBhCVtQwYQjIFzhCS6EkEIJLR9YzIUs1mIvdGGLs2BxF2/hi1jkoha9PrCZG9mszd7oxjZnw+Zu3sY3sclNbXp/QJmKKEvZiiqmHAXlKk9xJZRUSmn9gDENMZaxDTXMOAbGNZ7hRhhplNH2gcM8yGEd9kEPdjgHDvfwDn6IQx7q0OcD/wK/Sr4jv9hfkG/1N/x/Fx44BCQU9Pc94zIvclmXfdGLXc79j9/Lu/glLnmpS98PPOZDHuuxH/qwx3n/5ffxHv6IRz7q0e8DznTEWc521DHn+D/KdZ7jTjjplNP+gWAGEqxgBxpYcOIf/AYv8CCCDCro+EAyE0lWshNNLDn5P/MmL/Ekkkwq6fxAMQspVrELLaw49S/lFq/wIoosquj6QDMbaVazG22sOf2v8Dav8SaabKrp5geIAnAQC3NfwAAAAABJRU5ErkJggg==";
/// What an interrupted generation leaves: 8 × 8 pixels, as base64.
pub const PARTIAL: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAbklEQVR42g2OIRIAMAjDKpHISiQS2f+rPGuzvV4SIVGihcWIFSfyVxVVdOFiii2uyP+qqaYbN9Nsc00+QaZMG5sxa87kczXU0IOHGXa4Id+mpZZevMyyyy35DTrq6MPHHHvckV+mUKGDw4QNF5IHBzBAAQLYCvUAAAAASUVORK5CYII=";
/// 16 × 16 black pixels, as base64.
pub const BLACK: &str =
    "iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAEElEQVR42mNgGAWjYBTAAAADEAAB1y2EYwAAAABJRU5ErkJggg==";

/// The samplers' names.
pub const SAMPLERS: [&str; 3] = ["Euler", "Euler a", "DPM++ 2M"];

/// The models' titles, the loaded one first.
pub const MODELS: [&str; 2] = ["painter.safetensors [0123456789]", "flux1-dev.safetensors [abcdef0123]"];

/// The answer to a question about what there is.
pub fn answer(route: &str) -> Option<Value> {
    Some(match route {
        "GET /sdapi/v1/options" => json!({"sd_model_checkpoint": MODELS[0], "samples_format": "png"}),
        "GET /sdapi/v1/sd-models" => json!(MODELS.map(|title| {
            let (file, hash) = title.split_once(" [").expect("a title");
            let name = file.trim_end_matches(".safetensors");
            let filename = format!("/models/Stable-diffusion/{file}");
            json!({"title": title, "model_name": name, "hash": hash.trim_end_matches(']'), "sha256": null,
                   "filename": filename, "config": null})
        })),
        "GET /sdapi/v1/sd-modules" => json!(["ae.safetensors", "clip_l.safetensors"].map(|name| {
            json!({"model_name": name, "filename": format!("/models/VAE/{name}")})
        })),
        "GET /sdapi/v1/samplers" => json!(SAMPLERS.map(|name| {
            json!({"name": name, "aliases": [format!("k_{}", name.to_lowercase().replace(' ', "_"))], "options": {}})
        })),
        "GET /sdapi/v1/schedulers" => json!([("automatic", "Automatic"), ("karras", "Karras"), ("simple", "Simple")].map(
            |(name, label)| json!({"name": name, "label": label, "aliases": null, "default_rho": -1.0, "need_inner_model": false})
        )),
        "GET /sdapi/v1/upscalers" => json!(["None", "Lanczos"].map(|name| {
            json!({"name": name, "model_name": null, "model_path": null, "model_url": null, "scale": 4})
        })),
        "GET /sdapi/v1/latent-upscale-modes" => json!([{"name": "Latent"}]),
        "GET /sdapi/v1/memory" => json!({"ram": {}, "cuda": {}}),
        "GET /sdapi/v1/cmd-flags" => json!({}),
        _ => return None,
    })
}
