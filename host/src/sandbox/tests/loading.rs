use super::workshop::{Source, Workshop};
use super::*;

/// The bytes of a component with nothing in it.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// What is said about a component with these bytes.
async fn refused(bytes: &[u8]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("some.wasm");
    std::fs::write(&path, bytes).unwrap();
    let error = open(config::Backend { component: Component::File(path.clone()), ..fakes() }).await.err().unwrap();
    let text = error.to_string();
    assert!(text.contains("backend tested") && text.contains(path.to_str().unwrap()), "{text}");
    assert!(!error.is_configuration());
    text
}

#[tokio::test]
async fn a_loaded_backend_says_who_it_is_and_what_it_may() {
    let limits = config::Backend { stall: Duration::from_secs(7), allow_hosts: vec!["a.lan:80".into()], ..fakes() };
    let backend = loaded(limits).await;

    assert_eq!((backend.name.as_str(), backend.device.as_str()), ("tested", "gpu0"));
    assert_eq!((backend.description.name.as_str(), backend.stall), ("fakes", Duration::from_secs(7)));
    assert_eq!(backend.allow_hosts(), ["a.lan:80"]);
    assert_eq!(backend.description.params_schema["properties"]["steps"]["default"], 1);
    assert!(backend.digest.starts_with("sha256:") && backend.digest.len() == 71, "{}", backend.digest);
}

#[tokio::test]
async fn params_are_checked_by_the_schema_of_the_component() {
    let backend = loaded(fakes()).await;

    let filled = backend.check_params(json!({ "steps": 3 })).unwrap();
    let error = backend.check_params(json!({ "behaviour": "dance" })).unwrap_err();

    assert_eq!((&filled["steps"], &filled["behaviour"]), (&json!(3), &json!("succeed")));
    assert_eq!(error.field, "params.behaviour");
}

#[tokio::test]
async fn what_is_no_component_is_refused_by_name() {
    assert!(refused(b"not a component").await.contains("is not a component"));
    assert!(refused(b"").await.contains("is not a component"));
    let truncated = std::fs::read(FAKES).unwrap();
    assert!(refused(&truncated[..truncated.len() / 2]).await.contains("is not a component"));
}

#[tokio::test]
async fn the_author_of_a_core_module_is_told_how_to_make_a_component_of_it() {
    let text = refused(b"\0asm\x01\0\0\0").await;
    assert!(text.contains("is a core module") && text.contains("wasm32-wasip2"), "{text}");
    assert!(text.contains("wasm-tools component new"), "{text}");
}

#[tokio::test]
async fn a_component_for_another_contract_is_told_which_one_this_host_speaks() {
    let made_for = |version: &str| handmade::source().replace("@0.1.0", version);
    for (version, told) in [
        ("@0.2.0", "is made for easel:backend@0.2.0, and this host speaks easel:backend@0.1.0"),
        ("@1.0.0", "is made for easel:backend@1.0.0, and this host"),
        ("@0.0.9", "is made for easel:backend@0.0.9, and this host"),
        ("", "is made for easel:backend@an unknown version, and this host"),
    ] {
        let text = refused(&wat::parse_str(made_for(version)).unwrap()).await;
        assert!(text.contains(told) && text.ends_with("build it with this host's wit/"), "{version}: {text}");
    }
    let other = made_for("@0.3.1").replace("easel:backend", "easel:plugin");
    assert!(refused(&wat::parse_str(other).unwrap()).await.contains("is made for easel:plugin@0.3.1"));
    let newer = made_for("@0.1.7").replace("(export \"attempt\"", "(export \"weigh\" (func)) (export \"attempt\"");
    let text = refused(&wat::parse_str(newer).unwrap()).await;
    assert!(text.contains("is made for easel:backend@0.1.7") && text.contains("weigh"), "{text}");
}

#[tokio::test]
async fn a_component_for_a_later_edition_of_the_same_contract_runs_when_it_wants_nothing_new() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("later.wasm");
    std::fs::write(&path, wat::parse_str(handmade::source().replace("@0.1.0", "@0.1.7")).unwrap()).unwrap();
    assert_eq!(
        loaded(config::Backend { component: Component::File(path), ..fakes() }).await.description.name,
        "handmade"
    );
}

#[tokio::test]
async fn a_component_with_a_function_as_large_as_the_loop_of_an_interpreter_is_taken() {
    // CPython's has 426,843 bytes.
    let loop_of = "(drop (i32.add (i32.const 1) (i32.const 2)))".repeat(430_000 / 6);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("large.wasm");
    std::fs::write(&path, handmade::component(&format!("(func {loop_of})"), "")).unwrap();
    assert_eq!(
        loaded(config::Backend { component: Component::File(path), ..fakes() }).await.description.name,
        "handmade"
    );
}

#[tokio::test]
async fn an_import_that_nobody_offers_is_named() {
    let text = refused(&wat::parse_str("(component (import \"acme:tools/saw@2.0.0\" (instance)))").unwrap()).await;
    assert!(text.contains("lacks the export"), "{text}");
    let source = handmade::source().replacen(
        "(component",
        "(component (import \"acme:tools/saw@2.0.0\" (instance (export \"saw\" (func))))",
        1,
    );
    let text = refused(&wat::parse_str(source).unwrap()).await;
    assert!(text.contains("imports what this host does not offer") && text.contains("acme:tools/saw@2.0.0"), "{text}");
}

#[tokio::test]
async fn a_component_that_is_not_compiled_in_time_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let workshop = Workshop::open(dir.path().to_owned()).unwrap().waits(Duration::ZERO);
    let source = Source::file("tested", FAKES.as_ref()).unwrap();

    let error = workshop.link("tested", &source, false).await.err().unwrap();

    assert!(error.to_string().contains("takes more than 0 s of processor time to compile"), "{error}");
}

#[tokio::test]
async fn the_exports_that_a_component_lacks_are_named() {
    let text = refused(EMPTY).await;
    assert!(text.contains("lacks the export describe, probe, run, settle, unload"), "{text}");
}

#[tokio::test]
async fn a_component_that_is_not_there_is_named() {
    let missing = Component::File("/nonexistent/some.wasm".into());
    let error = open(config::Backend { component: missing, ..fakes() }).await.err().unwrap();
    assert!(error.to_string().contains("/nonexistent/some.wasm"), "{error}");
}

#[tokio::test]
async fn a_component_that_needs_more_memory_than_it_gets_is_told_so() {
    let error = open(config::Backend { memory: bytesize::ByteSize::kib(64), ..fakes() }).await.err().unwrap();
    assert!(error.to_string().contains("memory"), "{error}");
}

#[tokio::test]
async fn a_component_that_wants_the_network_needs_a_host_that_it_may_reach() {
    let offline = config::Backend::builtin("forge", "gpu0");
    let online = config::Backend { allow_hosts: vec!["127.0.0.1:7860".into()], ..offline.clone() };

    let error = open(offline).await.err().unwrap();

    assert!(error.to_string().contains("backend.tested.allow_hosts"), "{error}");
    assert_eq!(loaded(online).await.description.name, "forge");
}

#[tokio::test]
async fn a_table_that_the_component_does_not_understand_is_a_mistake_in_the_configuration() {
    let config = json!({ "settle": "dance" }).as_object().unwrap().clone();
    let error = open(config::Backend { config, ..fakes() }).await.err().unwrap();

    assert!(error.is_configuration());
    assert!(error.to_string().starts_with("backend.tested.config.settle"), "{error}");
}

#[tokio::test]
async fn a_component_is_kept_and_found_again_by_its_digest() {
    let dir = tempfile::tempdir().unwrap();
    let mut config = Config::default();
    config.backends.insert("tested".into(), fakes());
    let old = Registry::open(&config, dir.path()).await.unwrap().on("tested", "gpu0").unwrap().digest.clone();
    config.backends.insert("tested".into(), config::Backend::builtin("flux-stub", "gpu0"));

    let registry = Registry::open(&config, dir.path()).await.unwrap();

    let current = registry.on("tested", "gpu0").unwrap();
    assert_eq!(current.description.name, "flux-stub");
    assert_eq!(registry.with_digest("tested", "gpu0", &current.digest).await.unwrap().digest, current.digest);
    let settler = registry.with_digest("tested", "gpu0", &old).await.unwrap();
    assert_eq!((settler.description.name.as_str(), &settler.digest), ("fakes", &old));
    assert!(registry.with_digest("nobody", "gpu0", &old).await.is_err());
}

#[tokio::test]
async fn a_digest_is_neither_a_path_nor_believed() {
    let dir = tempfile::tempdir().unwrap();
    let registry = Registry::open(&Config::default(), dir.path()).await.unwrap();
    let digest = format!("sha256:{}", "a".repeat(64));
    std::fs::write(dir.path().join("components").join(format!("{}.wasm", "a".repeat(64))), EMPTY).unwrap();

    let error = registry.with_digest("flux-stub", "gpu0", &digest).await.unwrap_err();
    assert!(error.to_string().contains("damaged"), "{error}");
    for digest in ["", "sha256:", "sha256:../../x", "md5:00"] {
        let error = registry.with_digest("flux-stub", "gpu0", digest).await.unwrap_err();
        assert!(error.to_string().contains("is not the digest of a component"), "{digest}: {error}");
    }
    let nowhere = format!("sha256:{}", "b".repeat(64));
    assert!(matches!(registry.with_digest("flux-stub", "gpu0", &nowhere).await, Err(LoadError::Unreadable { .. })));
}
