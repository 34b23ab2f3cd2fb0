//! What is read from where, what wins, and what an error says about where it came from.

use super::*;

#[test]
fn without_any_configuration_the_stub_waits_on_loopback() {
    let config = Config::layered(None, [], &Overrides::default()).expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:7420");
    assert_eq!(config.data, PathBuf::from("./easel-data"));
    assert_eq!(config.database, Database::InData);
    assert_eq!(config.default_backend, "flux-stub");
    assert_eq!(config.devices, [Device { name: "gpu0".into() }]);
    assert_eq!(config.backends["flux-stub"], Backend::builtin("flux-stub", "gpu0"));
}

#[test]
fn the_whole_file_of_the_manual_is_understood() {
    let config = load(
        r#"
        listen = "127.0.0.1:7420"
        data = "./easel-data"
        default_backend = "forge"
        shutdown_grace = "30s"
        command_grace = "30s"
        [web]
        hosts = []
        origins = []
        trusted_proxies = []
        base_path = "/"
        public_url = ""
        max_params = "64KiB"
        max_upload = "64MiB"
        [queue]
        priority_worth = 10
        max_waiting = 1000000
        max_waiting_per_owner = 100000
        [retention]
        jobs = "30d"
        events = 1000000
        artifacts = "50GiB"
        max_jobs = 1000000
        keys = "7d"
        disk_reserve = "1GiB"
        [[device]]
        name = "gpu0"
        [backend.forge]
        component = "builtin:forge"
        device = "gpu0"
        allow_hosts = ["127.0.0.1:7860"]
        config = { url = "http://127.0.0.1:7860" }
        secrets = { api_auth = { env = "FORGE_AUTH" } }
        timeout = "10m"
        stall = "2m"
        memory = "512MiB"
        artifact_quota = "256MiB"
        retry = { attempts = 3, base = "2s", max = "2m" }
        "#,
    )
    .expect("valid");
    let forge = &config.backends["forge"];
    assert_eq!(forge.secrets["api_auth"], Secret::Env("FORGE_AUTH".into()));
    assert_eq!(forge.timeout, Duration::from_secs(600));
    assert_eq!(forge.config["url"], "http://127.0.0.1:7860");
    assert_eq!(config.web, Web::default());
    assert_eq!(config.queue, Queue::default());
    assert_eq!(config.retention, Retention::default());
}

#[test]
fn what_a_backend_leaves_out_gets_the_documented_limits() {
    let config = load(&with_forge("retry = { attempts = 5 }")).expect("valid");
    let forge = &config.backends["forge"];
    assert_eq!((forge.memory, forge.artifact_quota), (ByteSize::mib(512), ByteSize::mib(256)));
    assert_eq!((forge.timeout, forge.stall), (Duration::from_secs(600), Duration::from_secs(120)));
    assert_eq!(forge.retry, Retry { attempts: 5, ..Retry::default() });
    assert_eq!((forge.idle_release, forge.keep_memory), (None, false));
}

#[test]
fn a_backend_may_be_told_when_to_let_go_of_memory() {
    let config = load(&with_forge("idle_release = \"5m\"\nkeep_memory = true")).expect("valid");
    let forge = &config.backends["forge"];
    assert_eq!((forge.idle_release, forge.keep_memory), (Some(Duration::from_secs(300)), true));
}

#[test]
fn the_environment_wins_over_the_file_and_flags_over_both() {
    let toml = "listen = \"127.0.0.1:1\"\n[web]\nmax_upload = \"1MiB\"\nmax_params = \"1KiB\"";
    let environment = [("EASEL_LISTEN", "127.0.0.1:2"), ("EASEL_WEB__MAX_UPLOAD", "2MiB")];
    let config = load_with(toml, &environment, &Overrides::default()).expect("valid");
    assert_eq!(config.listen.port(), 2);
    assert_eq!((config.web.max_upload, config.web.max_params), (ByteSize::mib(2), ByteSize::kib(1)));

    let flags = Overrides { listen: Some(([127, 0, 0, 1], 3).into()), ..Overrides::default() };
    assert_eq!(load_with(toml, &environment, &flags).expect("valid").listen.port(), 3);
}

#[test]
fn variables_of_clients_log_tests_and_build_are_not_keys() {
    let names =
        ["TOKEN", "SERVER", "LOG", "LOG_FORMAT", "BIN", "FAKES", "TEST_ROUNDS", "CACHE", "GUEST_RUSTC", "GUEST_FAKES"];
    let variables: Vec<_> = names.iter().map(|name| format!("EASEL_{name}")).collect();
    let environment: Vec<_> = variables.iter().map(|name| (name.as_str(), "x")).collect();
    load_with("", &environment, &Overrides::default()).expect("valid");
}

#[test]
fn a_misspelt_variable_is_an_unknown_key() {
    let error = load_with("", &[("EASEL_DATAA", "x")], &Overrides::default()).expect_err("is refused");
    assert!(error.starts_with("dataa: unknown key; use EASEL_DATA to set data"), "{error}");
    assert!(error.ends_with("(in environment variable EASEL_DATAA)"), "{error}");
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_with_those_that_exist() {
    let error = refused("[web]\nmax_uplaod = 1");
    assert!(error.starts_with("web.max_uplaod: unknown key; use one of hosts, origins"), "{error}");
    assert!(error.ends_with("(in DIR/easel.toml)"), "{error}");
    assert!(refused(&with_forge("retry = { atempts = 1 }")).starts_with("backend.forge.retry.atempts: unknown key"));
    assert!(refused("[[device]]\nname = \"gpu0\"\nkind = 1").contains("kind: unknown key"));
}

#[test]
fn a_missing_key_is_named_with_its_place() {
    let error = refused("[backend.forge]\ncomponent = \"builtin:forge\"");
    assert!(error.starts_with("backend.forge.device: is missing"), "{error}");
}

#[test]
fn a_bad_value_is_named_with_its_key() {
    for (toml, start) in [
        ("listen = \"nowhere\"", "listen: "),
        ("shutdown_grace = \"soon\"", "shutdown_grace: "),
        ("[web]\nmax_upload = \"much\"", "web.max_upload: \"much\" is not a size"),
        (
            "[web]\nmax_upload = []",
            "web.max_upload: is a list and must be a size, such as \"512MiB\", or a number of bytes",
        ),
        ("[web]\nmax_upload = -1", "web.max_upload: is -1 and must be a size, such as"),
        ("[queue]\nmax_waiting = -1", "queue.max_waiting: is -1 and must be a whole number, 0 or more"),
        ("backend = 3", "backend: "),
    ] {
        let error = refused(toml);
        assert!(error.starts_with(start), "{error}");
    }
}

#[test]
fn a_file_that_is_no_toml_is_named_with_the_place_and_the_cause() {
    for (toml, place, cause) in [
        ("listen = ", "line 1, column 10", "string values must be quoted"),
        ("data = \"d\"\ndefault_backend = painter\n", "line 2, column 19", "string values must be quoted"),
        ("[web\n", "line 1, column 5", "unclosed table, expected `]`"),
        ("data = \"d\"\ndata = \"e\"\n", "line 2, column 1", "duplicate key"),
        ("data = \"d\n", "line 1, column 10", "invalid basic string, expected `\"`"),
        ("= 3", "line 1, column 1", "unquoted keys cannot be empty"),
    ] {
        let error = refused(toml);
        assert!(error.starts_with("DIR/easel.toml: ") && error.contains(place) && error.contains(cause), "{error}");
    }
}

#[test]
fn a_duration_is_asked_for_by_example_wherever_one_belongs() {
    for toml in [
        "shutdown_grace = \"soon\"",
        "command_grace = \"30\"",
        "[retention]\njobs = \"soon\"",
        "[retention]\nkeys = \"soon\"",
        &with_forge("timeout = \"soon\""),
        &with_forge("stall = \"soon\""),
        &with_forge("idle_release = \"soon\""),
        &with_forge("retry = { base = \"soon\" }"),
        &with_forge("retry = { max = \"soon\" }"),
    ] {
        let error = refused(toml);
        assert!(error.contains("\" is not a duration: write one like 90s, 5m or 2h (in "), "{error}");
    }
    let error = refused("shutdown_grace = 30");
    assert!(
        error.starts_with("shutdown_grace: is 30 and must be a duration in quotes, with its unit, such as \"90s\""),
        "{error}"
    );
}

#[test]
fn a_value_of_another_type_is_told_in_words() {
    for (toml, told) in [
        ("[queue]\nmax_waiting = \"x\"", "queue.max_waiting: is \"x\" and must be a whole number, 0 or more (in "),
        (&with_forge("keep_memory = 1"), "backend.forge.keep_memory: is 1 and must be true or false (in "),
        ("device = \"gpu0\"", "device: is \"gpu0\" and must be a list (in "),
        ("backend = { forge = 1 }", "backend.forge: is 1 and must be a table (in "),
    ] {
        let error = refused(toml);
        assert!(error.starts_with(told), "{error}");
    }
}

#[test]
fn an_empty_file_is_no_configuration_at_all() {
    assert_eq!(load("").expect("valid").default_backend, "flux-stub");
}

#[test]
fn a_file_that_was_asked_for_must_exist() {
    let error = Config::layered(Some(Path::new("/nowhere/easel.toml")), [], &Overrides::default());
    assert_eq!(
        error.expect_err("is refused").to_string(),
        "there is no configuration file /nowhere/easel.toml: name one that there is with --config, or none"
    );
}

#[test]
fn paths_in_a_file_are_relative_to_it() {
    let directory = TempDir::new().expect("a directory");
    let file = directory.path().join("easel.toml");
    std::fs::write(directory.path().join("x.wasm"), "").expect("a file");
    std::fs::write(
        &file,
        "data = \"d\"\ndatabase = \"surrealkv://db\"\n[backend.x]\ncomponent = \"x.wasm\"\ndevice = \"gpu0\"\n\
         secrets = { a = { file = \"a.txt\" } }",
    )
    .expect("a file");
    let config = Config::layered(Some(&file), [], &Overrides::default()).expect("valid");
    assert_eq!(config.data, directory.path().join("d"));
    assert_eq!(config.database, Database::SurrealKv(directory.path().join("db")));
    assert_eq!(config.backends["x"].component, Component::File(directory.path().join("x.wasm")));
    assert_eq!(config.backends["x"].secrets["a"], Secret::File(directory.path().join("a.txt")));
}

#[test]
fn paths_in_the_environment_are_relative_to_where_the_host_is_started() {
    let config = load_with("", &[("EASEL_DATA", "d")], &Overrides::default()).expect("valid");
    assert_eq!(config.data, PathBuf::from("d"));
}

#[test]
fn a_single_backend_is_the_default_and_of_several_one_must_be_named() {
    assert_eq!(load(FORGE).expect("valid").default_backend, "forge");
    let two = format!("{FORGE}[backend.other]\ncomponent = \"builtin:forge\"\ndevice = \"gpu0\"\n");
    assert_eq!(
        refused(&two),
        "default_backend: is missing, and there is more than one backend: set it to one of forge, other"
    );
    assert_eq!(load(&format!("default_backend = \"other\"\n{two}")).expect("valid").default_backend, "other");
}

#[test]
fn backends_that_are_declared_replace_the_stub() {
    assert!(!load(FORGE).expect("valid").backends.contains_key("flux-stub"));
}

#[test]
fn the_forge_flag_makes_the_embedded_forge_the_default_beside_the_stub() {
    let config = load_with("", &[], &forge("http://127.0.0.1:7860/")).expect("valid");
    let backend = &config.backends["forge"];
    assert_eq!(config.default_backend, "forge");
    assert_eq!(backend.component, Component::Builtin("forge".into()));
    assert_eq!(backend.allow_hosts, ["127.0.0.1:7860"]);
    assert_eq!(backend.config["url"], "http://127.0.0.1:7860");
    assert!(config.backends.contains_key("flux-stub"));
}

#[test]
fn the_forge_flag_keeps_the_limits_and_secrets_of_the_file() {
    let toml = with_forge("timeout = \"5m\"\nsecrets = { api_auth = { env = \"A\" } }\nallow_hosts = [\"old:1\"]");
    let config = load_with(&toml, &[], &forge("https://gpu.example.org/forge")).expect("valid");
    let backend = &config.backends["forge"];
    assert_eq!(backend.timeout, Duration::from_secs(300));
    assert!(backend.secrets.contains_key("api_auth"));
    assert_eq!(backend.allow_hosts, ["gpu.example.org:443"]);
    assert_eq!(backend.config["url"], "https://gpu.example.org/forge");
}

#[test]
fn the_forge_flag_takes_the_address_of_an_engine_and_nothing_secret() {
    for url in ["127.0.0.1:7860", "ftp://a", "http://", "http://a?x=1", "x"] {
        assert!(url.parse::<ForgeUrl>().expect_err("is refused").contains("write http://HOST:PORT"), "{url}");
    }
    assert!(
        "http://me:pw@a"
            .parse::<ForgeUrl>()
            .expect_err("is refused")
            .contains("has a user or a password: leave them out")
    );
}
